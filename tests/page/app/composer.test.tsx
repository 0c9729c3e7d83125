// @vitest-environment happy-dom
import { act, fireEvent, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Chat } from "../../../web/app/chat/chat.tsx";
import { NEW_CHAT, readDraft } from "../../../web/app/composer/drafts.ts";
import { LONG_PASTE } from "../../../web/app/composer/files.ts";
import { isComposing, sends } from "../../../web/app/composer/keys.ts";
import { completeDom, message, sampleState, show, stateWith, text } from "./helpers.tsx";

beforeEach(completeDom);

const box = (): HTMLTextAreaElement => screen.getByRole("textbox", { name: "Message" });
const sent = (words: string): object => ({ conversation: "c", parts: [{ type: "text", text: words }] });

let drawn: object[];

/** What happy-dom does not have: images that can be decoded and drawn. The real ones are tested in a browser. */
function withImages(size = { width: 100, height: 100 }): void {
  drawn = [];
  vi.stubGlobal("createImageBitmap", () => Promise.resolve({ ...size, close: () => undefined }));
  class Canvas {
    constructor(readonly width: number, readonly height: number) {}
    getContext(): object { return { drawImage: () => undefined }; }
    convertToBlob({ type }: { type: string }): Promise<Blob> {
      drawn.push({ width: this.width, height: this.height, type });
      return Promise.resolve(new Blob(["x".repeat(900_000)], { type }));
    }
  }
  vi.stubGlobal("OffscreenCanvas", Canvas);
}

describe("keys", () => {
  const enter = { key: "Enter", shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, isComposing: false, keyCode: 13 };

  it("sends with Enter alone, unless the setting says no; with Ctrl or Cmd always", () => {
    expect(sends(enter, true)).toBe(true);
    expect(sends(enter, false)).toBe(false);
    expect(sends({ ...enter, ctrlKey: true }, false)).toBe(true);
    expect(sends({ ...enter, metaKey: true }, false)).toBe(true);
    expect(sends({ ...enter, shiftKey: true }, true)).toBe(false);
    expect(sends({ ...enter, key: "a" }, true)).toBe(false);
  });

  it("leaves the Enter of an input method to it, also where only the key code tells", () => {
    expect(sends({ ...enter, isComposing: true }, true)).toBe(false);
    expect(sends({ ...enter, keyCode: 229 }, true)).toBe(false);
    expect(isComposing({ isComposing: false, keyCode: 229 })).toBe(true);
  });
});

describe("the message box", () => {
  it("sends what is written with Enter, and empties itself", async () => {
    const { callsOf, advance } = await show(<Chat id="c" target={null} />, { state: stateWith([]) });
    await userEvent.type(box(), "Hello there{Enter}");
    await advance();
    expect(callsOf("chat.send")).toEqual([sent("Hello there")]);
    expect(box().value).toBe("");
  });

  it.each(["\u200b", "\ufeff\u2060 ", "\u00ad\n", "\u2800"])("does not send what shows nothing: %j", async (nothing) => {
    const { callsOf, advance } = await show(<Chat id="c" target={null} />, { state: stateWith([]) });
    fireEvent.change(box(), { target: { value: nothing } });
    fireEvent.keyDown(box(), { key: "Enter" });
    await advance();
    expect(callsOf("chat.send")).toEqual([]);
    expect(screen.getByRole<HTMLButtonElement>("button", { name: "Send" }).disabled).toBe(true);
  });

  it("does not send while an input method composes a word", async () => {
    const { callsOf, advance } = await show(<Chat id="c" target={null} />, { state: stateWith([]) });
    fireEvent.change(box(), { target: { value: "にほ" } });
    fireEvent.keyDown(box(), { key: "Enter", isComposing: true, keyCode: 229 });
    fireEvent.keyDown(box(), { key: "Enter", isComposing: false, keyCode: 229 });
    await advance();
    expect(callsOf("chat.send")).toEqual([]);
    fireEvent.keyDown(box(), { key: "Enter", isComposing: false, keyCode: 13 });
    await advance();
    expect(callsOf("chat.send")).toEqual([sent("にほ")]);
  });

  it("starts a new line with Enter if the setting says so", async () => {
    const base = stateWith([]);
    const { callsOf, advance } = await show(<Chat id="c" target={null} />, { state: { ...base, settings: { ...base.settings, enterSends: false } } });
    await userEvent.type(box(), "one{Enter}two");
    await advance();
    expect(callsOf("chat.send")).toEqual([]);
    expect(box().value).toBe("one\ntwo");
  });

  it("creates the conversation with the first message, and goes there", async () => {
    const { callsOf, advance } = await show(<Chat id={null} target={null} />);
    await userEvent.type(box(), "Hello{Enter}");
    await advance();
    expect(callsOf("conversations.create")).toHaveLength(1);
    expect(callsOf("chat.send")).toEqual([{ conversation: expect.any(String) as string, parts: [{ type: "text", text: "Hello" }] }]);
    expect(location.hash).toMatch(/^#\/chat\/.+/);
  });

  it("queues messages while an answer is written, and shows how many wait", async () => {
    const { advance } = await show(<Chat id="c" target={null} />, { state: stateWith([]), answers: ["one two three four"] });
    await userEvent.type(box(), "First{Enter}");
    await advance(150);
    await userEvent.type(box(), "Second{Enter}");
    await advance();
    expect(screen.getByText("1 message waits for the answer")).toBeTruthy();
    expect(screen.getByText("Waits for its turn")).toBeTruthy();
    await advance(5000);
    expect(screen.queryByText("1 message waits for the answer")).toBeNull();
  });

  it("stops the answer, and gives queued messages back to be edited", async () => {
    const { advance, callsOf } = await show(<Chat id="c" target={null} />, { state: stateWith([]), answers: ["one two three four five six"] });
    await userEvent.type(box(), "First{Enter}");
    await advance(150);
    await userEvent.type(box(), "Second{Enter}");
    await advance();
    await userEvent.click(screen.getByRole("button", { name: "Stop the answer" }));
    await advance();
    expect(callsOf("chat.stop")).toEqual([{ conversation: "c" }]);
    expect(box().value).toBe("Second");
    expect(screen.queryByRole("button", { name: "Stop the answer" })).toBeNull();
  });

  it("keeps what was written when sending fails, and says why", async () => {
    const { app, advance } = await show(<Chat id="c" target={null} />, { state: stateWith([]) });
    app.on("chat.send", () => {
      throw new Error("no");
    });
    await userEvent.type(box(), "Precious words{Enter}");
    await advance();
    expect(box().value).toBe("Precious words");
    expect(screen.getByText(/That did not work/)).toBeTruthy();
  });

  it("keeps what is written over a reload of the page", async () => {
    const first = await show(<Chat id="c" target={null} />, { state: stateWith([]) });
    await userEvent.type(box(), "Not sent yet");
    first.unmount();
    await show(<Chat id="c" target={null} />, { state: stateWith([]) });
    expect(box().value).toBe("Not sent yet");
  });

  it("forgets the draft of a message that was sent, and keeps what was written while it was on its way", async () => {
    let accept: (id: string) => void = () => undefined;
    const { app, advance, unmount } = await show(<Chat id="c" target={null} />, { state: stateWith([]) });
    app.on("chat.send", () => new Promise<string>((resolve) => { accept = resolve; }));
    await userEvent.type(box(), "Sent{Enter}");
    await userEvent.type(box(), "Next");
    expect(readDraft("c")).toBe("Next");
    await userEvent.clear(box());
    expect(readDraft("c")).toBe("");
    await userEvent.type(box(), "Then");
    localStorage.clear(); // what was kept with the letters
    accept("m");
    await advance();
    expect(readDraft("c")).toBe("Then");
    unmount();
  });

  it("leaves no draft of a new chat behind once it has become a conversation", async () => {
    let accept: (id: string) => void = () => undefined;
    const { app, advance } = await show(<Chat id={null} target={null} />);
    app.on("chat.send", () => new Promise<string>((resolve) => { accept = resolve; }));
    await userEvent.type(box(), "Hello");
    expect(readDraft(NEW_CHAT)).toBe("Hello");
    await userEvent.type(box(), "{Enter}More");
    await advance();
    accept("m");
    await advance();
    expect(readDraft(NEW_CHAT)).toBe("");
    expect(readDraft(Object.keys(app.state.conversations)[0] ?? "")).toBe("More");
  });

  it("keeps a message that could not be sent for its conversation, though another one is shown by then", async () => {
    let refuse: (error: Error) => void = () => undefined;
    const { app, advance, unmount } = await show(<Chat id="c" target={null} />, { state: stateWith([]) });
    app.on("chat.send", () => new Promise<string>((_, reject) => { refuse = reject; }));
    await userEvent.type(box(), "Precious{Enter}");
    await userEvent.type(box(), "More");
    unmount();
    refuse(new Error("no"));
    await advance();
    expect(readDraft("c")).toBe("Precious\n\nMore");
  });

  it("leaves the Escape of an input method to it: an answer goes on", async () => {
    const { advance, callsOf } = await show(<Chat id="c" target={null} />, { state: stateWith([]), answers: ["one two three four five six"] });
    await userEvent.type(box(), "First{Enter}");
    await advance(150);
    fireEvent.keyDown(box(), { key: "Escape", isComposing: true, keyCode: 229 });
    fireEvent.keyDown(box(), { key: "Escape", isComposing: false, keyCode: 229 });
    await advance();
    expect(callsOf("chat.stop")).toEqual([]);
    fireEvent.keyDown(box(), { key: "Escape" });
    await advance();
    expect(callsOf("chat.stop")).toHaveLength(1);
  });

  it("turns a long text that is pasted into a file", async () => {
    const { callsOf, advance } = await show(<Chat id="c" target={null} />, { state: stateWith([]) });
    const long = "word ".repeat(LONG_PASTE / 5 + 1);
    await userEvent.click(box());
    await userEvent.paste(long);
    expect(box().value).toBe("");
    expect(screen.getByText("pasted-1.txt")).toBeTruthy();
    await userEvent.type(box(), "Sum it up{Enter}");
    await advance();
    expect(callsOf("chat.send")).toEqual([
      {
        conversation: "c",
        parts: [
          { type: "file", mediaType: "text/plain", filename: "pasted-1.txt", text: long, sizeBytes: long.length },
          { type: "text", text: "Sum it up" },
        ],
      },
    ]);
  });

  it("attaches images and text files, and says what cannot be attached and why", async () => {
    withImages();
    await show(<Chat id="c" target={null} />, { state: stateWith([]) });
    const picker = document.querySelector<HTMLInputElement>('input[type="file"]');
    if (!picker) throw new Error("no picker");
    const files = [
      new File([new Uint8Array([137, 80, 78, 71])], "a.png", { type: "image/png" }),
      new File(["print(1)"], "b.py"),
      new File([new Uint8Array([0, 255, 254, 0])], "c.exe"),
      new File(["x".repeat(1_000_001)], "d.txt", { type: "text/plain" }),
    ];
    await userEvent.upload(picker, files, { applyAccept: false });
    expect(await screen.findByText("a.png")).toBeTruthy();
    expect(screen.getByText("b.py")).toBeTruthy();
    expect(screen.queryByText("c.exe")).toBeNull();
    expect(screen.getByRole("alert").textContent).toMatch(/“c.exe” is neither an image nor a text file\..*“d.txt” has 1 MB; at most 1 MB/);
    await userEvent.click(screen.getByRole("button", { name: "Remove a.png" }));
    expect(screen.queryByText("a.png")).toBeNull();
  });

  it("scales down what is too large, shares the room, and says so", async () => {
    withImages({ width: 4000, height: 3000 });
    const base = stateWith([]);
    const models = Object.fromEntries(Object.entries(base.models).map(([id, model]) => [id, { ...model, vision: true }]));
    const { callsOf, advance } = await show(<Chat id="c" target={null} />, { state: { ...base, models } });
    const picker = document.querySelector<HTMLInputElement>('input[type="file"]');
    if (!picker) throw new Error("no picker");
    const photo = (name: string, size: number): File => {
      const file = new File(["x"], name, { type: "image/jpeg" });
      Object.defineProperty(file, "size", { value: size });
      return file;
    };
    await userEvent.upload(picker, [photo("a.jpg", 12_000_000), photo("b.jpg", 9_000_000)]);
    expect(await screen.findByText("scaled from 12 MB to 900 kB")).toBeTruthy();
    expect(screen.getByText("scaled from 9 MB to 900 kB")).toBeTruthy();
    expect(drawn).toEqual([{ width: 2048, height: 1536, type: "image/jpeg" }, { width: 2048, height: 1536, type: "image/jpeg" }]);
    await userEvent.type(box(), "Which one?{Enter}");
    await advance();
    const [{ parts }] = callsOf("chat.send") as [{ parts: Record<string, unknown>[] }];
    expect(parts.map((part) => Object.keys(part).sort())).toEqual([["filename", "mediaType", "sizeBytes", "type", "url"], ["filename", "mediaType", "sizeBytes", "type", "url"], ["text", "type"]]);
  });

  it("refuses a file that is named like an image and is not one, and sends only when it knows", async () => {
    let answer: (error: unknown) => void = () => undefined;
    vi.stubGlobal("createImageBitmap", () => new Promise((_, reject) => { answer = reject; }));
    const { callsOf, advance } = await show(<Chat id="c" target={null} />, { state: stateWith([]) });
    const picker = document.querySelector<HTMLInputElement>('input[type="file"]');
    if (!picker) throw new Error("no picker");
    await userEvent.upload(picker, new File(["not"], "a.jpg", { type: "image/jpeg" }));
    expect(screen.getByText("Reading the file")).toBeTruthy();
    await userEvent.type(box(), "Look{Enter}");
    await advance();
    expect(callsOf("chat.send")).toEqual([]);
    await act(async () => { answer(new DOMException("The source image could not be decoded.", "InvalidStateError")); await Promise.resolve(); });
    expect((await screen.findByRole("alert")).textContent).toContain("“a.jpg” could not be opened as an image");
    await userEvent.type(box(), "{Enter}");
    await advance();
    expect(callsOf("chat.send")).toEqual([sent("Look")]);
  });

  it("does not send an image to a model that cannot see", async () => {
    withImages();
    const base = stateWith([]);
    const { callsOf, advance } = await show(<Chat id="c" target={null} />, { state: { ...base, settings: { ...base.settings, model: "pocket" } } });
    const picker = document.querySelector<HTMLInputElement>('input[type="file"]');
    if (!picker) throw new Error("no picker");
    await userEvent.upload(picker, new File([new Uint8Array([137])], "a.png", { type: "image/png" }));
    await screen.findByText("a.png");
    await userEvent.click(screen.getByRole("button", { name: "Send" }));
    await advance();
    expect(callsOf("chat.send")).toEqual([]);
    expect(screen.getByRole("alert").textContent).toContain("Pocket cannot see images");
  });

  it("edits the last question with the up arrow in an empty box", async () => {
    const messages = [message({ id: "q", role: "user", parts: [text("How tall?")] }), message({ id: "a", role: "assistant", parent: "q", parts: [text("Very.")] })];
    await show(<Chat id="c" target={null} />, { state: stateWith(messages) });
    await userEvent.type(box(), "{ArrowUp}");
    expect(screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Edit the message" }).value).toBe("How tall?");
  });

  it("says that a conversation is not here rather than showing an empty one", async () => {
    await show(<Chat id="gone" target={null} />, { state: sampleState() });
    expect(screen.getByRole("heading", { name: "This conversation is not on this device" })).toBeTruthy();
    expect(screen.queryByRole("textbox")).toBeNull();
  });
});
