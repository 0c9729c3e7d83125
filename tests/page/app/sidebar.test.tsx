// @vitest-environment happy-dom
import { act, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { groupsOf } from "../../../web/app/shell/groups.ts";
import { Shell } from "../../../web/app/shell/shell.tsx";
import { fileNameFor } from "../../../web/app/shell/transfer.ts";
import { completeDom, make, message, sampleState, show, type Shown, stateWith, text } from "./helpers.tsx";

beforeEach(completeDom);

const DAY = 86_400_000;
const one = (id: string, more: object = {}): ReturnType<typeof make<"Conversation">> => make("Conversation", { id, title: `Title ${id}`, createdAt: 0, updatedAt: 0, ...more });

function shell(conversations: readonly ReturnType<typeof one>[], more: object = {}): Promise<Shown> {
  const base = sampleState();
  const state = { ...base, settings: { ...base.settings, introduced: true }, conversations: Object.fromEntries(conversations.map((each) => [each.id, each])), ...more };
  return show(<Shell />, { state, on: { "conversations.open": () => null } });
}

const entries = (): (string | null)[] => [...document.querySelectorAll(".conversations .entry-title")].map((title) => title.textContent);

async function choose(conversation: string, item: string): Promise<void> {
  await userEvent.click(screen.getByRole("button", { name: `Options for “${conversation}”` }));
  await userEvent.click(screen.getByRole("menuitem", { name: item }));
}

describe("sorting conversations", () => {
  it("puts pinned ones first, then folders, then the rest by age, the newest first", () => {
    const now = new Date(2026, 5, 10, 12).getTime();
    const all = [
      one("a", { updatedAt: now - 20 * DAY }),
      one("b", { updatedAt: now }),
      one("c", { updatedAt: now - 1000 }),
      one("d", { updatedAt: now - DAY }),
      one("e", { updatedAt: now - 3 * DAY }),
      one("f", { updatedAt: now, folder: "Work" }),
      one("g", { updatedAt: now - 30 * DAY, pinned: true, folder: "Work" }),
      one("h", { updatedAt: now, folder: "Home" }),
    ];
    const groups = groupsOf(Object.fromEntries(all.map((each) => [each.id, each])), now);
    expect(groups.map(({ name, folder, conversations }) => [name ?? folder, conversations.map(({ id }) => id).join("")])).toEqual([
      ["pinned", "g"],
      ["Home", "h"],
      ["Work", "f"],
      ["today", "bc"],
      ["yesterday", "d"],
      ["week", "e"],
      ["older", "a"],
    ]);
  });
});

describe("the sidebar", () => {
  it("opens a conversation", async () => {
    const { advance, callsOf } = await shell([one("x")]);
    await userEvent.click(screen.getByRole("link", { name: "Title x" }));
    expect(location.hash).toBe("#/chat/x");
    await vi.waitFor(async () => {
      await advance();
      expect(callsOf("conversations.open")).toEqual([{ id: "x" }]);
    });
  });

  it("renames, pins and moves", async () => {
    const { advance, callsOf } = await shell([one("x")]);
    await choose("Title x", "Rename");
    const box = screen.getByRole("textbox", { name: "Name of the conversation" });
    expect(document.activeElement).toBe(box);
    await userEvent.clear(box);
    await userEvent.type(box, "  Lenses {Enter}");
    await choose("Lenses", "Pin");
    await choose("Lenses", "Move to a folder");
    expect(document.activeElement).toBe(screen.getByRole("combobox", { name: "Folder" }));
    await userEvent.type(screen.getByRole("combobox", { name: "Folder" }), "Light{Enter}");
    await advance();
    expect(callsOf("conversations.update")).toEqual([{ id: "x", title: "Lenses" }, { id: "x", pinned: true }, { id: "x", folder: "Light" }]);
  });

  it("takes a deleted conversation away at once, and deletes it only when it can no longer be undone", async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    try {
      const { callsOf } = await shell([one("x"), one("y")]);
      await choose("Title x", "Delete");
      expect(entries()).toEqual(["Title y"]);
      expect(callsOf("conversations.delete")).toEqual([]);
      await userEvent.click(screen.getByRole("button", { name: "Undo" }));
      expect(entries()).toEqual(["Title x", "Title y"]);
      await choose("Title y", "Delete");
      await act(() => vi.advanceTimersByTimeAsync(8000));
      expect(callsOf("conversations.delete")).toEqual([{ id: "y" }]);
      expect(entries()).toEqual(["Title x"]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("does not offer a deleted conversation in the palette", async () => {
    await shell([one("x"), one("y")]);
    await choose("Title x", "Delete");
    await userEvent.keyboard("{Control>}k{/Control}");
    await userEvent.type(screen.getByRole("combobox"), "Title");
    expect(screen.getAllByRole("option").map((option) => option.textContent)).toEqual(["Title y"]);
  });

  it("deletes when the page is left while it could still be undone", async () => {
    const { callsOf, advance } = await shell([one("x")]);
    await choose("Title x", "Delete");
    act(() => { dispatchEvent(new Event("pagehide")); });
    await advance();
    expect(callsOf("conversations.delete")).toEqual([{ id: "x" }]);
  });

  it("asks before it deletes everything", async () => {
    const { callsOf, advance } = await shell([one("x"), one("y")]);
    await userEvent.click(screen.getByRole("button", { name: "Manage conversations" }));
    await userEvent.click(screen.getByRole("menuitem", { name: "Delete all conversations" }));
    const dialog = screen.getByRole("dialog", { name: "Delete all conversations?" });
    expect(dialog.textContent).toContain("2 conversations will be deleted");
    await userEvent.click(within(dialog).getByRole("button", { name: "Cancel" }));
    expect(callsOf("conversations.delete")).toEqual([]);
    await userEvent.click(screen.getByRole("button", { name: "Manage conversations" }));
    await userEvent.click(screen.getByRole("menuitem", { name: "Delete all conversations" }));
    await userEvent.click(screen.getByRole("button", { name: "Delete all conversations" }));
    await advance();
    expect(callsOf("conversations.delete")).toEqual([{ id: "*" }]);
  });

  it("searches titles and messages, and leads to the message that was found", async () => {
    const { app, advance } = await shell([one("x"), one("y", { title: "Lenses" })]);
    app.on("conversations.search", ({ text: typed }) => (typed === "lens" ? [make("SearchHit", { conversation: "x", message: "m7", excerpt: "the lens of a lighthouse" })] : []));
    await userEvent.type(screen.getByRole("textbox", { name: "Search conversations" }), "lens");
    expect(entries()).toEqual(["Lenses"]);
    const hit = await screen.findByText("the lens of a lighthouse");
    expect(hit.closest("a")?.getAttribute("href")).toBe("#/chat/x/m7");
    await userEvent.type(screen.getByRole("textbox", { name: "Search conversations" }), "zzz");
    expect(await screen.findByText("No conversation contains “lenszzz”.")).toBeTruthy();
    await advance();
  });

  it("says why a file cannot be imported, and adds nothing", async () => {
    const { app, advance } = await shell([]);
    app.on("conversations.import", () => {
      throw new Error("the file is not JSON: unexpected end at byte 7");
    });
    const click = vi.spyOn(HTMLInputElement.prototype, "click").mockImplementation(function (this: HTMLInputElement) {
      Object.defineProperty(this, "files", { value: [new File(["{broken"], "a.json")] });
      this.dispatchEvent(new Event("change"));
    });
    await userEvent.click(screen.getByRole("button", { name: "Manage conversations" }));
    await userEvent.click(screen.getByRole("menuitem", { name: "Import conversations" }));
    click.mockRestore();
    await vi.waitFor(async () => {
      await advance();
      expect(screen.getByText(/the file is not JSON: unexpected end at byte 7/)).toBeTruthy();
    });
  });
});

describe("shortcuts and the palette", () => {
  it("finds a conversation by a few letters, with the keyboard alone", async () => {
    await shell([one("x", { title: "Lighthouse lenses" }), one("y", { title: "Dinner" })]);
    await userEvent.keyboard("{Control>}k{/Control}");
    const box = screen.getByRole("combobox", { name: "Type a command or the name of a conversation" });
    await userEvent.type(box, "lhl");
    expect(screen.getAllByRole("option").map((option) => option.textContent)).toEqual(["Lighthouse lenses"]);
    await userEvent.keyboard("{Enter}");
    expect(location.hash).toBe("#/chat/x");
    expect(screen.queryByRole("combobox")).toBeNull();
  });

  it("carries out commands, and goes through them with the arrows", async () => {
    await shell([]);
    await userEvent.keyboard("{Control>}k{/Control}");
    await userEvent.type(screen.getByRole("combobox"), "keyboard");
    await userEvent.keyboard("{ArrowDown}{ArrowUp}{Enter}");
    expect(screen.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeTruthy();
  });

  it("goes to the message box with /, but types it where a person types", async () => {
    await shell([]);
    const box = screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Message" });
    box.blur();
    await userEvent.keyboard("/");
    expect(document.activeElement).toBe(box);
    await userEvent.keyboard("/");
    expect(box.value).toBe("/");
  });
});

describe("the header", () => {
  it("lets the person choose the model of a conversation, and says who would answer", async () => {
    location.hash = "#/chat/c";
    const { callsOf, advance } = await show(<Shell />, { state: stateWith([message({ id: "q", role: "user", parts: [text("Hi")] })]) });
    await userEvent.click(screen.getByRole("button", { name: "Model: Pocket" }));
    expect(screen.getAllByRole("menuitemradio").map((item) => item.querySelector(".menu-label")?.firstChild?.textContent)).toEqual(["Automatic", "Pocket", "Small 0.6B", "Large 4B"]);
    await userEvent.click(screen.getByRole("menuitemradio", { name: /Small/ }));
    await advance();
    expect(callsOf("conversations.update")).toMatchObject([{ id: "c", settings: { model: "small", private: false } }]);
    expect(screen.getByRole("button", { name: "Model: Small 0.6B" })).toBeTruthy();
    expect(screen.getByText("Private")).toBeTruthy();
  });

  it("says when a cloud may answer", async () => {
    const base = stateWith([]);
    const clouds = { k: make("Cloud", { id: "k", vendor: "openai", model: "gpt", label: "My cloud" }) };
    location.hash = "#/chat/c";
    const { app, advance } = await show(<Shell />, { state: { ...base, clouds, settings: { ...base.settings, neverLeaveDevice: false } } });
    expect(screen.getByText("May leave this device")).toBeTruthy();
    app.change((state) => ({ ...state, settings: { ...state.settings, neverLeaveDevice: true } }));
    await advance();
    expect(screen.getByText("Private")).toBeTruthy();
  });
});

describe("the settings of a new chat", () => {
  it("leave nothing behind when they are closed without a change", async () => {
    location.hash = "#/chat";
    const { app, advance } = await show(<Shell />, { state: stateWith([]) });
    const before = Object.keys(app.state.conversations);
    for (const change of [false, true]) {
      await advance();
      await userEvent.click(screen.getByRole("button", { name: "Settings of this conversation" }));
      await advance();
      expect(Object.keys(app.state.conversations)).toHaveLength(before.length + 1);
      if (change) await userEvent.click(screen.getByRole("switch", { name: "Calculator" }));
      await advance();
      await userEvent.click(screen.getByRole("button", { name: "Done" }));
      await advance();
      expect(Object.keys(app.state.conversations)).toHaveLength(before.length + (change ? 1 : 0));
    }
  });
});

describe("file names", () => {
  it("keep letters of any language and nothing that a system forbids", () => {
    expect(fileNameFor("  Wie hoch? / 灯台: “x”  ", "md")).toBe("Wie-hoch-灯台-x.md");
    expect(fileNameFor("../..", "json")).toBe("conversation.json");
  });
});
