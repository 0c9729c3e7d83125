// @vitest-environment happy-dom
/** What must not be lost, and what must not stay: changes made in one go, and drafts of what is deleted. */

import { act, fireEvent, screen, within } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { keepDraft, NEW_CHAT, readDraft } from "../../../web/app/composer/drafts.ts";
import { CopyButton } from "../../../web/app/message/copy_button.tsx";
import { ConversationPanel } from "../../../web/app/panel/panel.tsx";
import { Presets } from "../../../web/app/settings/presets.tsx";
import { Notices } from "../../../web/app/shell/notices.tsx";
import { Shell } from "../../../web/app/shell/shell.tsx";
import { type ConversationActions, useConversations } from "../../../web/app/shell/use_conversations.ts";
import { make, show, stateWith } from "./helpers.tsx";
import { completePage } from "./views.tsx";

beforeEach(completePage);

test("leaving a field by a click on a switch keeps both changes", async () => {
  const user = userEvent.setup();
  const { app, advance, callsOf } = await show(<ConversationPanel conversation="c" onClose={() => undefined} />, { state: stateWith([]) });
  await user.type(screen.getAllByRole("textbox")[0] as HTMLElement, "Be brief.");
  await user.click(screen.getByRole("switch", { name: "Calculator" }));
  await advance();
  expect(callsOf("conversations.update")).toHaveLength(2);
  expect(app.state.conversations["c"]?.settings).toMatchObject({ system: "Be brief.", tools: ["calculator"] });
});

test("two switches in one round trip keep both changes", async () => {
  const state = { ...stateWith([]), settings: { ...stateWith([]).settings, neverLeaveDevice: false } };
  const { app, advance, callsOf } = await show(<ConversationPanel conversation="c" onClose={() => undefined} />, { state });
  act(() => {
    screen.getByRole("switch", { name: "Calculator" }).click();
    screen.getByRole("switch", { name: "Date and time" }).click();
    screen.getByRole("switch", { name: "Keep on this device" }).click();
  });
  await advance();
  expect(callsOf("conversations.update")).toHaveLength(3);
  expect(app.state.conversations["c"]?.settings).toMatchObject({ tools: ["calculator", "clock"], private: true });
});

test.each(["{Escape}", "beside"])("what was typed is kept when the panel is closed by %s", async (how) => {
  const user = userEvent.setup();
  const closed = vi.fn();
  const { app, advance } = await show(<ConversationPanel conversation="c" onClose={closed} />, { state: stateWith([]) });
  await user.type(screen.getAllByRole("textbox")[0] as HTMLElement, "Be brief.");
  const dialog = screen.getByRole("dialog");
  if (how === "beside") act(() => { dialog.dispatchEvent(new Event("pointerdown", { bubbles: true })); });
  else act(() => { dialog.dispatchEvent(new Event("cancel", { cancelable: true })); });
  await advance();
  expect(closed).toHaveBeenCalled();
  expect(app.state.conversations["c"]?.settings.system).toBe("Be brief.");
});

test("a field that was only visited does not undo what another tab has changed", async () => {
  const user = userEvent.setup();
  const { app, advance, callsOf } = await show(<ConversationPanel conversation="c" onClose={() => undefined} />, { state: stateWith([]) });
  const box = screen.getAllByRole<HTMLTextAreaElement>("textbox")[0];
  const elsewhere = async (system: string): Promise<void> => {
    app.change((state) => {
      const before = state.conversations["c"];
      if (!before) throw new Error("there is no conversation");
      return { ...state, conversations: { c: { ...before, settings: { ...before.settings, system } } } };
    });
    await advance();
  };
  await user.click(box as HTMLElement);
  await elsewhere("From another tab.");
  expect(box?.value).toBe("From another tab.");
  await user.tab();
  expect(callsOf("conversations.update")).toEqual([]);
  await user.type(box as HTMLElement, " Mine.");
  await elsewhere("Another one.");
  expect(box?.value).toBe("From another tab. Mine."); // what is being typed stays
  await user.tab();
  await advance();
  expect(app.state.conversations["c"]?.settings.system).toBe("From another tab. Mine.");
});

test("Enter in a field of a preset saves the preset with that field", async () => {
  const user = userEvent.setup();
  const { app, advance } = await show(<Presets />, { state: stateWith([]) });
  await user.click(screen.getByRole("button", { name: "Add a preset" }));
  const dialog = within(screen.getByRole("dialog"));
  await user.type(dialog.getByRole("textbox", { name: "Name" }), "Cold");
  await user.type(dialog.getByRole("textbox", { name: /Temperature/ }), "0{Enter}");
  fireEvent.submit(document.querySelector("form") as HTMLFormElement); // as a browser does, but not the test's library
  await advance();
  expect(app.state.settings.presets).toMatchObject([{ name: "Cold", settings: { temperature: 0 } }]);
});

test("a change that Python does not accept is not sent again with the next one", async () => {
  const user = userEvent.setup();
  let refused = 0;
  const { advance, callsOf } = await show(<ConversationPanel conversation="c" onClose={() => undefined} />, {
    state: stateWith([]),
    on: {
      "conversations.update": () => {
        refused += 1;
        throw new Error("no");
      },
    },
  });
  await user.click(screen.getByRole("switch", { name: "Calculator" }));
  await advance();
  await user.click(screen.getByRole("switch", { name: "Date and time" }));
  await advance();
  expect(refused).toBe(2);
  expect(callsOf("conversations.update").at(-1)).toMatchObject({ settings: { tools: ["clock"] } });
});

test("what is saved as a preset is used from then on, and the dialog says that it was saved", async () => {
  const user = userEvent.setup();
  const { app, advance } = await show(<ConversationPanel conversation="c" onClose={() => undefined} />, { state: stateWith([]) });
  await user.click(screen.getByRole("button", { name: "Save as a preset" }));
  await user.type(screen.getByRole("textbox", { name: "Name of the preset" }), "Terse{Enter}");
  await advance();
  const [preset] = app.state.settings.presets;
  expect(preset?.name).toBe("Terse");
  expect(app.state.conversations["c"]?.settings.preset).toBe(preset?.id);
  expect(screen.getByRole<HTMLSelectElement>("combobox", { name: "Preset" }).value).toBe(preset?.id);
  // The rest of the page is inert while a modal dialog is open.
  expect(screen.getByRole("dialog").textContent).toContain("Preset “Terse” saved");
});

test("an error goes away with the value that was wrong", async () => {
  const user = userEvent.setup();
  await show(<ConversationPanel conversation="c" onClose={() => undefined} />, { state: stateWith([]) });
  for (const [name, wrong] of [["Temperature", "5"], ["Structured answers", "nonsense"]] as const) {
    const field = screen.getByRole("textbox", { name });
    await user.type(field, wrong);
    await user.tab();
    expect(field.getAttribute("aria-invalid")).toBe("true");
    await user.clear(field);
    await user.tab();
    expect(field.getAttribute("aria-invalid")).toBeNull();
  }
});

test("a conversation with tools takes no schema, and one with a schema no tools", async () => {
  const user = userEvent.setup();
  const { advance } = await show(<ConversationPanel conversation="c" onClose={() => undefined} />, { state: stateWith([]) });
  await user.click(screen.getByRole("switch", { name: "Calculator" }));
  await advance();
  expect(screen.getByRole("textbox", { name: "Structured answers" })).toHaveProperty("disabled", true);
  await user.click(screen.getByRole("switch", { name: "Calculator" }));
  await advance();
  await user.click(screen.getByRole("button", { name: "Insert an example" }));
  await advance();
  expect(screen.getByRole("switch", { name: "Calculator" })).toHaveProperty("disabled", true);
});

test("a notice with an error still says what it is about", async () => {
  const error = { code: "quota_exceeded", title: "The browser's storage is full", message: "nothing is left", remedy: null, actions: [], data: {} };
  const notice = make("Notice", { id: "n", at: 0, kind: "error", text: "The conversation “Lighthouses” could not be saved.", error });
  await show(<Notices />, { state: stateWith([], {}, { notices: [notice] }) });
  expect(document.querySelector(".notices")?.textContent).toContain("The conversation “Lighthouses” could not be saved.Nothing is left");
});

test("what was written in a conversation is forgotten with it", async () => {
  const found: { actions?: ConversationActions } = {};
  function Probe(): null {
    found.actions = useConversations();
    return null;
  }
  await show(<Probe />, { state: stateWith([]) });
  keepDraft("c", "a secret");
  act(() => { found.actions?.removeAll(); });
  expect(readDraft("c")).toBe("");
});

test("what was written in a conversation that exists no more is forgotten at the next start", async () => {
  const state = { ...stateWith([]), settings: { ...stateWith([]).settings, introduced: true } };
  for (const conversation of ["c", "gone", NEW_CHAT]) keepDraft(conversation, "a secret");
  localStorage.setItem("another", "kept");
  await show(<Shell />, { state });
  expect(Object.fromEntries(["c", "gone", NEW_CHAT].map((conversation) => [conversation, readDraft(conversation)]))).toEqual({ c: "a secret", gone: "", new: "a secret" });
  expect(localStorage.getItem("another")).toBe("kept");
});

test("without a clipboard, as on pages without https, copying says that it did not work", async () => {
  vi.stubGlobal("navigator", Object.create(navigator, { clipboard: { value: undefined } }));
  const { advance } = await show(<CopyButton text={() => "x"} />);
  act(() => { screen.getByRole("button").click(); });
  await advance();
  expect(screen.getByText(/did not allow copying/)).toBeDefined();
});
