// @vitest-environment happy-dom
import { act, fireEvent, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { groupsOf } from "../../../web/app/shell/groups.ts";
import { Palette } from "../../../web/app/palette/palette.tsx";
import { goTo } from "../../../web/app/router.ts";
import { Shell } from "../../../web/app/shell/shell.tsx";
import { fileNameFor } from "../../../web/app/shell/transfer.ts";
import { de } from "../../../web/app/strings/de/index.ts";
import { LanguageContext } from "../../../web/app/strings/index.ts";
import { AddIcon } from "../../../web/app/ui/icons.tsx";
import { scriptedError } from "../../../web/react/src/testing.ts";
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

/** Chooses a file to import, as the browser's dialog would. */
async function importFile(file: File): Promise<void> {
  const click = vi.spyOn(HTMLInputElement.prototype, "click").mockImplementation(function (this: HTMLInputElement) {
    Object.defineProperty(this, "files", { value: [file] });
    this.dispatchEvent(new Event("change"));
  });
  await userEvent.click(screen.getByRole("button", { name: "Manage conversations" }));
  await userEvent.click(screen.getByRole("menuitem", { name: "Import conversations" }));
  click.mockRestore();
}

function utf16(text: string, bigEndFirst = false): number[] {
  const view = new DataView(new ArrayBuffer(2 * text.length));
  for (let at = 0; at < text.length; at += 1) view.setUint16(2 * at, text.charCodeAt(at), !bigEndFirst);
  return [...new Uint8Array(view.buffer)];
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

  it("says truly where conversations are kept", async () => {
    const { app, advance } = await shell([]);
    expect(screen.getByText(/They are kept in this browser only/)).toBeTruthy();
    app.change((state) => ({ ...state, python: "notebook" }));
    await advance();
    expect(screen.getByText(/Python keeps them in your data folder/)).toBeTruthy();
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

  it("takes a deleted conversation away at once, and deletes it for good when it can no longer be undone", async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    try {
      const { advance, callsOf } = await shell([one("x", { updatedAt: 2 }), one("y", { updatedAt: 1 })]);
      await choose("Title x", "Delete");
      await advance();
      expect(entries()).toEqual(["Title y"]);
      expect(callsOf("conversations.delete")).toEqual([{ id: "x", undo: true }]);
      await userEvent.click(screen.getByRole("button", { name: "Undo" }));
      await advance();
      expect(entries()).toEqual(["Title x", "Title y"]);
      await choose("Title y", "Delete");
      await advance();
      await act(() => vi.advanceTimersByTimeAsync(8000));
      expect(callsOf("conversations.delete")).toEqual([{ id: "x", undo: true }, { id: "y", undo: true }, { id: "y" }]);
      expect(callsOf("conversations.restore")).toEqual([{ id: "x" }]);
      expect(entries()).toEqual(["Title x"]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("goes back to the conversation whose deletion is undone, unless the person has gone elsewhere", async () => {
    const { advance } = await shell([one("x", { updatedAt: 2 }), one("y", { updatedAt: 1 })]);
    for (const elsewhere of [null, "y"]) {
      act(() => { goTo("chat", "x"); });
      await advance();
      await choose("Title x", "Delete");
      await advance();
      expect(location.hash).toBe("#/chat");
      if (elsewhere !== null) act(() => { goTo("chat", elsewhere); });
      await userEvent.click(screen.getByRole("button", { name: "Undo" }));
      await advance();
      expect(location.hash).toBe(`#/chat/${elsewhere ?? "x"}`);
      expect(entries()).toEqual(["Title x", "Title y"]);
    }
  });

  it("stays where it was if the deletion fails, and says why", async () => {
    const { app, advance } = await shell([one("x")]);
    app.on("conversations.delete", () => {
      throw scriptedError({ code: "quota_exceeded", title: "The disk is full", message: "nothing can be written" });
    });
    act(() => { goTo("chat", "x"); });
    await advance();
    await choose("Title x", "Delete");
    await advance();
    expect(location.hash).toBe("#/chat/x");
    expect(screen.queryByRole("button", { name: "Undo" })).toBeNull();
    expect(screen.getByText(/The disk is full\. Nothing can be written/)).toBeTruthy();
  });

  it("deletes for good when the page is left while it could still be undone", async () => {
    const { callsOf, advance } = await shell([one("x")]);
    await choose("Title x", "Delete");
    await advance();
    act(() => { dispatchEvent(new Event("pagehide")); });
    await advance();
    expect(callsOf("conversations.delete")).toEqual([{ id: "x", undo: true }, { id: "x" }]);
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

  it("counts what it lists: titles as conversations, and only messages as messages", async () => {
    const { app } = await shell([one("x"), one("y", { title: "Lenses" })]);
    const hit = (conversation: string, message: string): ReturnType<typeof make<"SearchHit">> => make("SearchHit", { conversation, message, excerpt: `lens in ${message}` });
    let found = [hit("y", ""), hit("y", "m1"), hit("x", "m2"), hit("gone", "m3")];
    app.on("conversations.search", () => found);
    const box = screen.getByRole("textbox", { name: "Search conversations" });
    const counts = (): string[] => screen.getAllByRole("status").map((status) => status.textContent).filter((words) => words !== "");
    await userEvent.type(box, "lens");
    await screen.findByText("lens in m1");
    expect(counts()).toEqual(["1 conversation found by its name", "2 messages found"]);
    expect(screen.queryByText("lens in m3")).toBeNull();
    found = [hit("y", "")];
    await userEvent.type(box, "e");
    await vi.waitFor(() => { expect(counts()).toEqual(["1 conversation found by its name"]); });
    found = Array.from({ length: 51 }, (_, index) => hit("x", `m${index}`));
    await userEvent.type(box, "s");
    await screen.findByText("The first 50 messages found. Write more to narrow the search.");
    expect(screen.queryByText("lens in m50")).toBeNull();
  });

  it.each([
    ["UTF-8 with a byte order mark", [0xef, 0xbb, 0xbf, ...new TextEncoder().encode('{"é": 1}')]],
    ["UTF-16, little end first", [0xff, 0xfe, ...utf16('{"é": 1}')]],
    ["UTF-16, big end first", [0xfe, 0xff, ...utf16('{"é": 1}', true)]],
    ["UTF-16 without a mark", utf16('{"é": 1}')],
  ])("imports a file in %s", async (_, bytes) => {
    const { callsOf, advance } = await shell([]);
    await importFile(new File([new Uint8Array(bytes)], "a.json"));
    await vi.waitFor(async () => {
      await advance();
      expect(callsOf("conversations.import")).toEqual([{ text: '{"é": 1}' }]);
    });
  });

  it("says that a file is not a text, and imports nothing", async () => {
    const { callsOf } = await shell([]);
    await importFile(new File([new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0xff])], "photo.json"));
    expect(await screen.findByText("“photo.json” is not a text file. Choose a JSON file that this app exported.")).toBeTruthy();
    expect(callsOf("conversations.import")).toEqual([]);
  });

  it.each([
    [{ added: ["x"], joined: [], present: [] }, "1 conversation imported", "#/chat/x"],
    [{ added: [], joined: [], present: ["x", "y", "z"] }, "3 conversations were there already", ""],
    [{ added: ["x", "y"], joined: ["z"], present: ["w"] }, "2 conversations imported · 1 conversation got new messages · 1 conversation was there already", "#/chat/x"],
    [{ added: [], joined: ["z"], present: [] }, "1 conversation got new messages", "#/chat/z"],
    [{ added: [], joined: [], present: [] }, "The file has no conversations.", ""],
  ])("says what became of the conversations of a file: %j", async (result, text, hash) => {
    location.hash = "";
    const { app, advance } = await shell([]);
    app.on("conversations.import", () => result);
    await importFile(new File(["{}"], "a.json"));
    await vi.waitFor(async () => {
      await advance();
      expect(screen.getByText(text)).toBeTruthy();
    });
    expect(location.hash).toBe(hash);
  });

  it("says why a file cannot be imported, and adds nothing", async () => {
    const { app, advance } = await shell([]);
    app.on("conversations.import", () => {
      throw new Error("the file is not JSON: unexpected end at byte 7");
    });
    await importFile(new File(["{broken"], "a.json"));
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

  it("writes keys as the language does", async () => {
    await show(<LanguageContext value={{ code: "de", strings: de }}><Palette commands={[{ id: "new", label: "Neu", icon: AddIcon, keys: "Ctrl Shift O", run: () => undefined }]} onClose={() => undefined} /></LanguageContext>);
    expect(document.querySelector("kbd")?.textContent).toBe("Strg Umschalt O");
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

  it.each(["#/chat/c", "#/chat"])("asks who would answer what is being written, and not with every key: %s", async (hash) => {
    const route = (backend: string, where: "local" | "cloud", model: string | null): ReturnType<typeof make<"RouteInfo">> => make("RouteInfo", { policy: "local_first", ranked: [make("RouteChoice", { backend, where, model, reason: "in the cloud" })] });
    const base = stateWith([]);
    const clouds = { k: make("Cloud", { id: "k", vendor: "openai", model: "gpt", label: "My cloud" }) };
    location.hash = hash;
    const { app, callsOf, advance } = await show(<Shell />, { state: { ...base, clouds, settings: { ...base.settings, introduced: true, neverLeaveDevice: false } } });
    app.on("chat.explain", ({ conversation, text: typed = "" }) => {
      const info = typed.length > 2000 ? route("cloud:k", "cloud", "gpt") : route("local", "local", "pocket");
      if (conversation != null) app.change((state) => ({ ...state, threads: { [conversation]: { ...(state.threads[conversation] ?? make("Thread", { id: conversation })), route: info } } }));
      return info;
    });
    const asked = (): number => callsOf("chat.explain").length;
    await vi.waitFor(() => { expect(asked()).toBe(1); });
    const box = screen.getByRole("textbox", { name: "Message" });
    await userEvent.type(box, "What is a lens?");
    fireEvent.change(box, { target: { value: "word ".repeat(700) } });
    expect(await screen.findByRole("button", { name: "Model: My cloud" })).toBeTruthy();
    await advance();
    expect(asked()).toBe(2);
    fireEvent.change(box, { target: { value: "" } });
    expect(await screen.findByRole("button", { name: "Model: Pocket" })).toBeTruthy();
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

describe("a new chat", () => {
  it("is there to be written in, also when it is open already", async () => {
    await shell([]);
    const box = screen.getByRole("textbox", { name: "Message" });
    expect(document.activeElement).not.toBe(box);
    await userEvent.click(screen.getByRole("button", { name: "New chat" }));
    expect(document.activeElement).toBe(box);
  });

  it("closes the drawer of a phone first, behind which nothing can have the focus", async () => {
    vi.stubGlobal("matchMedia", (query: string) => ({ matches: query.includes("max-width"), media: query, addEventListener: () => undefined, removeEventListener: () => undefined }));
    await shell([]);
    await userEvent.click(screen.getByRole("button", { name: "Open the list of conversations" }));
    const stage = document.querySelector(".stage");
    expect(stage?.hasAttribute("inert")).toBe(true);
    await userEvent.click(screen.getByRole("button", { name: "New chat" }));
    expect(stage?.hasAttribute("inert")).toBe(false);
    expect(document.activeElement).toBe(screen.getByRole("textbox", { name: "Message" }));
  });
});
