// @vitest-environment happy-dom
import { fireEvent, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Chat } from "../../../web/app/chat/chat.tsx";
import { completeDom, make, type Message, message, show, type Shown, stateWith, text } from "./helpers.tsx";

beforeEach(completeDom);

const question = message({ id: "q", role: "user", parts: [text("How tall is it?")] });
const answer = message({ id: "a", role: "assistant", parent: "q", parts: [text("It is **67 metres** tall.")] });

const chat = (messages: readonly Message[], options: Parameters<typeof show>[1] = {}): Promise<Shown> =>
  show(<Chat id="c" target={null} />, { state: stateWith(messages), ...options });

const articles = (): HTMLElement[] => screen.getAllByRole("article");
const answerText = (): string => articles().at(-1)?.querySelector(".message-parts")?.textContent.trim() ?? "";

describe("branches", () => {
  const other = message({ id: "a2", role: "assistant", parent: "q", parts: [text("Sixty-seven.")] });
  const after = message({ id: "q2", role: "user", parent: "a", parts: [text("And how old?")] });

  it("shows which version of an answer this is, and goes to the others", async () => {
    const { advance, callsOf } = await chat([question, answer, other, after]);
    expect(answerText()).toBe("Sixty-seven.");
    const switcher = screen.getByRole("group", { name: "Version 2 of 2" });
    expect(switcher.textContent).toBe("2/2");
    expect(within(switcher).getByRole("button", { name: "Next version" })).toHaveProperty("disabled", true);
    await userEvent.click(within(switcher).getByRole("button", { name: "Previous version" }));
    await advance();
    expect(callsOf("chat.branch")).toEqual([{ conversation: "c", message: "a" }]);
    expect(articles().map((one) => one.querySelector(".message-parts")?.textContent.trim())).toEqual(["How tall is it?", "It is 67 metres tall.", "And how old?"]);
    expect(screen.getByRole("group", { name: "Version 1 of 2" })).toBeTruthy();
  });

  it("counts only messages of the same side: a question that follows an answer is no version of it", async () => {
    await chat([question, answer]);
    expect(screen.queryByRole("group", { name: /^Version/ })).toBeNull();
  });
});

describe("a new conversation", () => {
  it("begins once, although a suggestion is clicked twice", async () => {
    const { advance, callsOf } = await show(<Chat id={null} target={null} />, {});
    const suggestion = screen.getByRole("button", { name: "Why is the sky blue?" });
    fireEvent.click(suggestion);
    fireEvent.click(suggestion);
    await advance();
    expect(callsOf("conversations.create")).toHaveLength(1);
  });

  it("suggests what the built-in model can do while that is the one to answer, in English on any page", async () => {
    const pocket = make("Model", { id: "pocket", name: "Pocket", bundled: true, downloaded: true });
    const qwen = make("Model", { id: "qwen", name: "Qwen", downloaded: true });
    const base = stateWith([]);
    const suggestions = (): (string | null)[] => within(screen.getByRole("group", { name: "Suggestions" })).getAllByRole("button").map((one) => one.textContent);
    const first = await show(<Chat id={null} target={null} />, { state: { ...base, models: { pocket } } });
    expect(suggestions()).toContain("Why is the sky blue?");
    expect(screen.getByRole("button", { name: "Why is the sky blue?" }).lang).toBe("en");
    expect(screen.getByText(/^Pocket is a very small model/)).toBeTruthy();
    first.unmount();
    const second = await show(<Chat id={null} target={null} />, { state: { ...base, models: { pocket, qwen }, settings: { ...base.settings, model: "qwen" } } });
    expect(suggestions()).not.toContain("Why is the sky blue?");
    second.unmount();
    await show(<Chat id={null} target={null} />, { state: { ...base, models: { pocket, qwen }, settings: { ...base.settings, model: "pocket" } } });
    expect(suggestions()).toContain("Why is the sky blue?");
  });
});

describe("editing", () => {
  it("writes a question anew as another version, and has it answered", async () => {
    const { advance, callsOf } = await chat([question, answer], { answers: ["From the ground, 68."] });
    await userEvent.click(within(articles()[0] ?? document.body).getByRole("button", { name: "Edit" }));
    const box = screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Edit the message" });
    expect(document.activeElement).toBe(box);
    await userEvent.clear(box);
    await userEvent.type(box, "How tall, from the ground?");
    await userEvent.click(screen.getByRole("button", { name: "Send again" }));
    await advance(10_000);
    expect(callsOf("chat.edit")).toEqual([{ conversation: "c", message: "q", parts: [{ type: "text", text: "How tall, from the ground?" }] }]);
    expect(screen.queryByRole("textbox", { name: "Edit the message" })).toBeNull();
    expect(answerText()).toBe("From the ground, 68.");
    expect(screen.getByRole("group", { name: "Version 2 of 2" })).toBeTruthy();
  });

  it("is sent once, however often the button is pressed", async () => {
    const { advance, callsOf } = await chat([question, answer]);
    await userEvent.click(within(articles()[0] ?? document.body).getByRole("button", { name: "Edit" }));
    const button = screen.getByRole("button", { name: "Send again" });
    fireEvent.click(button);
    fireEvent.click(button);
    await advance();
    expect(callsOf("chat.edit")).toHaveLength(1);
  });

  it("keeps the files of a question, unless they are taken away", async () => {
    const file = make("FilePart", { mediaType: "text/plain", filename: "a.txt", text: "A", sizeBytes: 1 });
    const { callsOf, advance } = await chat([message({ id: "q", role: "user", parts: [file, text("Read it")] })]);
    await userEvent.click(screen.getByRole("button", { name: "Edit" }));
    await userEvent.type(screen.getByRole("textbox", { name: "Edit the message" }), " aloud");
    await userEvent.click(screen.getByRole("button", { name: "Send again" }));
    await advance();
    expect(callsOf("chat.edit")).toMatchObject([{ parts: [{ type: "file", filename: "a.txt", text: "A" }, { type: "text", text: "Read it aloud" }] }]);
  });

  it("gives up with Escape, and changes nothing", async () => {
    const { callsOf } = await chat([question, answer]);
    await userEvent.click(within(articles()[0] ?? document.body).getByRole("button", { name: "Edit" }));
    await userEvent.type(screen.getByRole("textbox", { name: "Edit the message" }), "x{Escape}");
    expect(screen.queryByRole("textbox", { name: "Edit the message" })).toBeNull();
    expect(callsOf("chat.edit")).toEqual([]);
  });

  it("has the keys of the message box: Enter saves, Shift+Enter is a line, and an input method keeps its Enter and its Escape", async () => {
    const { advance, callsOf } = await chat([question, answer], { answers: ["67."] });
    await userEvent.click(within(articles()[0] ?? document.body).getByRole("button", { name: "Edit" }));
    const box = screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Edit the message" });
    for (const key of ["Enter", "Escape"]) {
      fireEvent.keyDown(box, { key, isComposing: true, keyCode: 229 });
      fireEvent.keyDown(box, { key, isComposing: false, keyCode: 229 });
    }
    await advance();
    expect(callsOf("chat.edit")).toEqual([]);
    await userEvent.type(box, "{Shift>}{Enter}{/Shift}In metres.{Enter}");
    await advance();
    expect(callsOf("chat.edit")).toEqual([{ conversation: "c", message: "q", parts: [{ type: "text", text: "How tall is it?\nIn metres." }] }]);
  });

  it("starts a new line with Enter if the setting says so", async () => {
    const base = stateWith([question, answer]);
    const { callsOf } = await show(<Chat id="c" target={null} />, { state: { ...base, settings: { ...base.settings, enterSends: false } } });
    await userEvent.click(within(articles()[0] ?? document.body).getByRole("button", { name: "Edit" }));
    const box = screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Edit the message" });
    await userEvent.type(box, "{Enter}x");
    expect(box.value).toBe("How tall is it?\nx");
    expect(callsOf("chat.edit")).toEqual([]);
  });

  it("lets nothing else replace the messages meanwhile, and no other message be edited", async () => {
    await chat([question, { ...answer, status: "stopped" }]);
    const buttons = (): boolean[] => ["Answer again", "Continue the answer"].map((name) => within(articles()[1] ?? document.body).getByRole<HTMLButtonElement>("button", { name }).disabled);
    expect(buttons()).toEqual([false, false]);
    await userEvent.click(within(articles()[0] ?? document.body).getByRole("button", { name: "Edit" }));
    expect(buttons()).toEqual([true, true]);
    await userEvent.click(within(articles()[1] ?? document.body).getByRole("button", { name: "More" }));
    for (const name of ["Edit", "Delete from here on"]) expect(screen.getByRole("menuitem", { name }).getAttribute("aria-disabled")).toBe("true");
    await userEvent.keyboard("{Escape}");
    await userEvent.click(screen.getByRole("button", { name: "Cancel" }));
    expect(buttons()).toEqual([false, false]);
  });

  it("locks nothing any more once its message is gone", async () => {
    const { app, advance } = await chat([question, answer, message({ id: "q2", role: "user", parent: "a", parts: [text("And how old?")] })]);
    await userEvent.click(within(articles()[2] ?? document.body).getByRole("button", { name: "Edit" }));
    app.change((state) => ({ ...state, threads: stateWith([question, answer]).threads }));
    await advance();
    expect(within(articles()[1] ?? document.body).getByRole<HTMLButtonElement>("button", { name: "Answer again" }).disabled).toBe(false);
  });

  it("keeps a failed answer's way back to itself while another message is edited", async () => {
    const failed = message({ id: "a", role: "assistant", parent: "q", status: "error", error: make("ErrorInfo", { code: "internal", title: "No", message: "no", actions: ["retry", "reload"] }) });
    await chat([question, failed]);
    await userEvent.click(within(articles()[0] ?? document.body).getByRole("button", { name: "Edit" }));
    expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
  });
});

describe("a message that waits for its model", () => {
  const waiting = [message({ id: "q", role: "user", status: "queued", parts: [text("Hello")] }), message({ id: "a", role: "assistant", parent: "q", status: "submitted" })];
  const small = make("Model", { id: "small", name: "Small 0.6B", downloadBytes: 4e8 });
  const base = stateWith(waiting, { status: "submitted", answering: "a" });
  const with_ = (more: object): typeof base => ({ ...base, models: { small }, ...more });
  const bar = (): HTMLProgressElement => screen.getByRole<HTMLProgressElement>("progressbar", { name: "Loading Small 0.6B" });

  it("says what it waits for, with the bar of the download, then of the load", async () => {
    const loading = make("Loading", { model: "small", phase: "queued" });
    const download = make("Download", { model: "small", state: "running", receivedBytes: 1e8, totalBytes: 4e8, bytesPerS: 1e7, leftS: 30 });
    const { app, advance } = await show(<Chat id="c" target={null} />, { state: with_({ loading, downloads: { small: download } }) });
    expect(bar().value).toBe(0.25);
    expect(answerText()).toBe("Small 0.6B: Downloading · 100 MB of 400 MB · 30 sec left");
    expect(screen.getByText("Waits for the model")).toBeTruthy();
    app.change((state) => ({ ...state, downloads: {}, loading: make("Loading", { model: "small", phase: "loading", fraction: 0.5 }) }));
    await advance();
    expect(bar().value).toBe(0.5);
    expect(answerText()).toContain("Small 0.6B is loading: 50%");
  });

  it("has its dots once: where the answer will be", async () => {
    await chat([{ ...question, status: "submitted" }, message({ id: "a", role: "assistant", parent: "q", status: "submitted" })]);
    expect(articles().map((one) => one.querySelectorAll(".dots").length)).toEqual([0, 1]);
  });

  it("shows a bar also where it is not known how far it is", async () => {
    await show(<Chat id="c" target={null} />, { state: with_({ loading: make("Loading", { model: "small", phase: "queued" }) }) });
    expect(bar().hasAttribute("value")).toBe(false);
    expect(answerText()).toBe("Loading Small 0.6B");
  });
});

describe("errors", () => {
  const failed = message({
    id: "a",
    role: "assistant",
    parent: "q",
    status: "error",
    parts: [text("It is")],
    error: make("ErrorInfo", {
      code: "out_of_memory",
      title: "Not enough memory",
      message: "the GPU has no room",
      remedy: "Close other tabs.",
      actions: ["retry", "smaller_model", "free_space"],
    }),
  });

  it("stands inside the message, says what to do, and has a button for each way out", async () => {
    const { callsOf, advance } = await chat([question, failed]);
    const panel = screen.getByRole("group", { name: "Not enough memory" });
    expect(panel.textContent).toContain("The GPU has no room");
    expect(panel.textContent).toContain("Close other tabs.");
    await userEvent.click(within(panel).getByRole("button", { name: "Choose a smaller model" }));
    expect(location.hash).toBe("#/models");
    await userEvent.click(within(panel).getByRole("button", { name: "Free space" }));
    expect(location.hash).toBe("#/models/storage");
    await userEvent.click(within(panel).getByRole("button", { name: "Try again" }));
    await advance();
    expect(callsOf("chat.regenerate")).toEqual([{ conversation: "c", message: "a" }]);
  });

  it("opens the question of a message that was too long, and leads to what could hold it", async () => {
    const tooLong = make("ErrorInfo", {
      code: "context_exceeded",
      title: "This message is too long",
      message: "it comes to 9,000 tokens",
      remedy: "Shorten the message or split it.",
      actions: ["edit_message", "larger_model", "open_privacy", "use_cloud"],
    });
    await chat([question, { ...failed, parts: [], error: tooLong }]);
    const panel = screen.getByRole("group", { name: "This message is too long" });
    const press = async (name: string): Promise<string> => {
      await userEvent.click(within(panel).getByRole("button", { name }));
      return location.hash;
    };
    expect(await press("See the models")).toBe("#/models");
    expect(await press("Open the privacy settings")).toBe("#/settings/privacy");
    expect(await press("Use a cloud")).toBe("#/settings/clouds");
    await press("Edit the message");
    const box = within(articles()[0] ?? document.body).getByRole<HTMLTextAreaElement>("textbox", { name: "Edit the message" });
    expect(box.value).toBe(question.parts.map((part) => (part.type === "text" ? part.text : "")).join(""));
  });

  it("keeps the text that came before the failure", async () => {
    await chat([question, failed]);
    expect(answerText()).toBe("It is");
  });
});

describe("tool calls", () => {
  it("ask for a decision, and take changed arguments along", async () => {
    const { advance, callsOf } = await chat([], { answers: [{ tool: { name: "web_fetch", input: { url: "http://a.example" }, output: "A page", approval: true }, text: "Done." }] });
    await userEvent.type(screen.getByRole("textbox", { name: "Message" }), "Fetch it{Enter}");
    await advance(1000);
    expect(screen.getByText("The model would like to use “Read web pages” with these arguments.")).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Edit the arguments" }));
    const box = screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Arguments as JSON" });
    await userEvent.clear(box);
    await userEvent.type(box, "{{\"url\": ");
    await userEvent.click(screen.getByRole("button", { name: "Allow" }));
    expect(screen.getByText(/This is not valid JSON/)).toBeTruthy();
    expect(callsOf("chat.approve")).toEqual([]);
    await userEvent.type(box, "\"http://b.example\"}");
    await userEvent.click(screen.getByRole("button", { name: "Allow" }));
    await advance(1000);
    expect(callsOf("chat.approve")).toEqual([{ id: expect.any(String) as string, approve: true, arguments: { url: "http://b.example" } }]);
    expect(screen.getByText("done")).toBeTruthy();
    expect(answerText()).toContain("Done.");
  });

  it("can be refused", async () => {
    const { advance, callsOf } = await chat([], { answers: [{ tool: { name: "storage", input: { key: "x" }, approval: true }, text: "Then not." }] });
    await userEvent.type(screen.getByRole("textbox", { name: "Message" }), "Keep it{Enter}");
    await advance(1000);
    await userEvent.click(screen.getByRole("button", { name: "Do not allow" }));
    await advance(1000);
    expect(callsOf("chat.approve")).toEqual([{ id: expect.any(String) as string, approve: false, arguments: null }]);
    expect(screen.getByText("not allowed")).toBeTruthy();
  });
});

describe("an answer", () => {
  it("says who gave it, how fast, and who was passed over", async () => {
    const info = make("AnswerInfo", {
      where: "cloud",
      backend: "OpenAI",
      model: "gpt-5-mini",
      tokensPerS: 41.66,
      firstTokenMs: 312,
      promptTokens: 1412,
      completionTokens: 286,
      costUsd: 0.00042,
      hops: [
        make("HopInfo", { backend: "local", model: "Large 4B", reason: "the GPU was lost" }),
        make("HopInfo", { backend: "cloud:other", reason: "another cloud is chosen for this conversation", wanted: true }),
      ],
      warnings: ["seed is not supported"],
    });
    await chat([question, { ...answer, answer: info }]);
    const line = screen.getByRole("button", { name: /^Details of this answer/ });
    expect(line.textContent).toBe("Details of this answerCloudgpt-5-mini41.7 tokens/sPassed over: 1");
    await userEvent.click(line);
    const facts = document.querySelector(".answer-facts")?.textContent;
    for (const fact of ["First token after 312 ms", "1,412 tokens read, 286 written", "cost $0.00042", "On this device / Large 4B: the GPU was lost", "another cloud is chosen", "Seed is not supported"]) expect(facts).toContain(fact);
    await userEvent.click(line);
    expect(document.querySelector(".answer-facts")).toBeNull();
  });

  it.each([
    ["cloud", 0.00042, "cost $0.00042"],
    ["cloud", null, "cost not known"],
    ["local", 0, "no cost"],
  ] as const)("from %s says what it cost, also if that is not known: %s", async (where, costUsd, said) => {
    await chat([question, { ...answer, answer: make("AnswerInfo", { where, backend: "b", costUsd }) }]);
    await userEvent.click(screen.getByRole("button", { name: /^Details of this answer/ }));
    const facts = document.querySelector(".answer-facts p")?.textContent ?? "";
    expect(facts.split(" · ").filter((fact) => fact.includes("cost"))).toEqual([said]);
  });

  it("does not claim a GPU where the processor stands in for one", async () => {
    const info = make("AnswerInfo", { where: "local", backend: "local", engine: "webllm", device: "webgpu", adapter: "google swiftshader (software)" });
    await chat([question, { ...answer, answer: info }]);
    await userEvent.click(screen.getByRole("button", { name: /^Details of this answer/ }));
    expect(document.querySelector(".answer-facts")?.textContent).toContain("WebLLM on the processor, which stands in for a GPU");
  });

  it("has no speed if not a word of it was written", async () => {
    await chat([question, { ...answer, status: "stopped", answer: make("AnswerInfo", { where: "local", backend: "local", tokensPerS: 0, completionTokens: 0 }) }]);
    expect(screen.getByRole("button", { name: /^Details of this answer/ }).textContent).not.toContain("tokens/s");
  });

  it("can be answered again, continued and deleted, but not while another one is written", async () => {
    const stopped = { ...answer, status: "stopped" as const };
    const { advance, callsOf } = await chat([question, stopped], { answers: ["one two three"] });
    const actions = within(articles()[1] ?? document.body);
    await userEvent.click(actions.getByRole("button", { name: "Continue the answer" }));
    await advance(110);
    expect(callsOf("chat.continue")).toEqual([{ conversation: "c" }]);
    expect(within(articles()[0] ?? document.body).getByRole("button", { name: "Edit" })).toHaveProperty("disabled", true);
    await advance(10_000);
    await userEvent.click(actions.getByRole("button", { name: "Answer again" }));
    await advance(10_000);
    expect(callsOf("chat.regenerate")).toEqual([{ conversation: "c", message: "a" }]);
    await userEvent.click(within(articles()[0] ?? document.body).getByRole("button", { name: "More" }));
    await userEvent.click(screen.getByRole("menuitem", { name: "Delete from here on" }));
    expect(callsOf("chat.delete")).toEqual([]);
    await userEvent.click(screen.getByRole("button", { name: "Delete" }));
    await advance();
    expect(callsOf("chat.delete")).toEqual([{ conversation: "c", message: "q" }]);
  });

  it("is copied as it was written, without thoughts", async () => {
    const writeText = vi.fn(() => Promise.resolve());
    vi.spyOn(navigator.clipboard, "writeText").mockImplementation(writeText);
    await chat([question, { ...answer, parts: [make("ReasoningPart", { text: "Hm." }), ...answer.parts] }]);
    await userEvent.click(within(articles()[1] ?? document.body).getByRole("button", { name: "Copy" }));
    expect(writeText).toHaveBeenCalledWith("It is **67 metres** tall.");
    expect(await screen.findByRole("button", { name: "Copied" })).toBeTruthy();
  });

  it("folds the model's thoughts", async () => {
    await chat([question, { ...answer, parts: [make("ReasoningPart", { text: "First I think." }), ...answer.parts] }]);
    expect(screen.queryByText("First I think.")).toBeNull();
    const thoughts = screen.getByText("Thoughts").closest("details");
    expect(thoughts?.open).toBe(false);
  });

  it("shows structured output as a tree", async () => {
    await chat([question, { ...answer, parts: [make("ObjectPart", { value: { name: "Cordouan", lit: true, orders: [1, 2] } })] }]);
    const rows = [...document.querySelectorAll(".object-row")].map((row) => row.textContent);
    expect(rows).toEqual(["nameCordouan", "littrue", "11", "22"]);
  });
});

describe("while an answer grows", () => {
  it("draws only the growing message again", async () => {
    const { advance } = await chat([question, answer], { answers: ["one two three four five six"] });
    await userEvent.type(screen.getByRole("textbox", { name: "Message" }), "More{Enter}");
    await advance(100);
    const before = articles()[1]?.querySelector(".md-block")?.firstChild;
    const changed: Node[] = [];
    const observer = new MutationObserver((records) => changed.push(...records.map((record) => record.target)));
    observer.observe(document.querySelector(".list-column") ?? document.body, { childList: true, characterData: true, subtree: true });
    await advance(60);
    await vi.waitFor(() => { expect(answerText()).toContain("two"); });
    observer.disconnect();
    expect(articles()[1]?.querySelector(".md-block")?.firstChild).toBe(before);
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.filter((node) => !articles().at(-1)?.contains(node))).toEqual([]);
  });
});

describe("a part that cannot be drawn", () => {
  it("is shown as it is, and the conversation around it stays", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const broken = { ...make("FilePart", { mediaType: "", filename: "a.bin" }), mediaType: null as unknown as string };
    await chat([question, { ...answer, parts: [broken, text("After it.")] }]);
    expect(document.querySelector(".file-text")?.textContent).toContain("a.bin");
    expect(answerText()).toContain("After it.");
    expect(screen.getByRole("textbox", { name: "Message" })).toBeTruthy();
  });
});

describe("leaving a conversation", () => {
  it("takes its messages out of memory, and out of the state of the page", async () => {
    const { app, advance, callsOf, unmount } = await chat([question, answer]);
    expect(app.state.threads["c"]).toBeDefined();
    unmount();
    await advance();
    expect(callsOf("conversations.close")).toEqual([{ id: "c" }]);
    expect(app.state.threads["c"]).toBeUndefined();
  });

  it("leaves an answer in progress alone", async () => {
    const { advance, callsOf, unmount } = await show(<Chat id="c" target={null} />, { state: stateWith([question], { status: "streaming", answering: "a" }) });
    unmount();
    await advance();
    expect(callsOf("conversations.close")).toEqual([]);
  });
});
