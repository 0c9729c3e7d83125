/** The messages of a scripted app: answers that grow on its clock, a queue, branches, approvals. */

import type { DecideApproval, FilePartInput, GenerateEvent, Generated, TextPartInput } from "../actions.ts";
import type { AnswerInfo, ChatMessage, FilePart, MessagePart, TextPart, Thread, ToolPart } from "../state.ts";
import { scriptedError, type ScriptedApp, type ScriptedCall, type ScriptedHandlers } from "./app.ts";
import { BrowserLLMError } from "../errors.ts";
import { make } from "./make.ts";
import { arrived, errorInfo, finished, pieces, type Piece, type ScriptedDetails } from "./script.ts";
import { add, get, insert, put, remove, show } from "./threads.ts";
import { without } from "./records.ts";

export function chatHandlers(app: ScriptedApp): ScriptedHandlers {
  const chat = new ScriptedChat(app);
  return {
    "chat.send": ({ conversation, parts }) => chat.send(conversation, parts),
    "chat.stop": ({ conversation }) => chat.stop(conversation),
    "chat.regenerate": ({ conversation, message }) => chat.regenerate(conversation, message ?? null),
    "chat.continue": ({ conversation }) => chat.continue(conversation),
    "chat.edit": ({ conversation, message, parts }) => chat.edit(conversation, message, parts),
    "chat.delete": ({ conversation, message }) => chat.change(conversation, (thread) => remove(thread, message)),
    "chat.branch": ({ conversation, message }) => chat.change(conversation, (thread) => show(thread, message)),
    "chat.approve": (decision) => chat.approve(decision),
    "chat.explain": ({ conversation }) => {
      const route = make("RouteInfo", { policy: "local_first", ranked: [make("RouteChoice", { backend: "local", where: "local", reason: "it is loaded" })] });
      if (conversation != null) chat.change(conversation, (thread) => ({ ...thread, route }));
      return route;
    },
    generate: (_, call) => chat.generate(call),
  };
}

class ScriptedChat {
  readonly #app: ScriptedApp;
  readonly #running = new Map<string, { readonly abort: AbortController; done: Promise<void> }>();
  readonly #decisions = new Map<string, (decision: DecideApproval) => void>();

  constructor(app: ScriptedApp) {
    this.#app = app;
  }

  thread(id: string): Thread {
    const thread = this.#app.thread(id);
    if (!thread) throw scriptedError({ code: "invalid_request", title: "That conversation is not open", message: `the conversation '${id}' is not open` });
    return thread;
  }

  change(id: string, recipe: (thread: Thread) => Thread): null {
    this.#app.putThread(recipe(this.thread(id)));
    return null;
  }

  send(id: string, parts: readonly (TextPartInput | FilePartInput)[]): string {
    const thread = this.thread(id);
    const waits = thread.answering !== null || this.#running.has(id) || this.#app.state.loading !== null || this.#app.state.loaded.length === 0;
    const message = this.#user(parts, thread.path.at(-1) ?? null, waits ? "queued" : "done");
    this.change(id, (now) => add({ ...now, queue: waits ? [...now.queue, message.id] : now.queue, error: null }, message));
    if (!this.#running.has(id)) this.#run(id, message.id);
    return message.id;
  }

  stop(id: string): ChatMessage[] {
    this.#running.get(id)?.abort.abort();
    const thread = this.thread(id);
    const drafts = thread.queue.map((each) => get(thread, each));
    const first = thread.queue[0];
    this.change(id, (now) => ({ ...(first === undefined ? now : remove(now, first)), queue: [] }));
    return drafts;
  }

  async regenerate(id: string, message: string | null): Promise<string> {
    await this.#idle(id);
    const thread = this.thread(id);
    const last = message ?? thread.path.findLast((each) => get(thread, each).role === "assistant") ?? thread.path.at(-1);
    if (last === undefined) throw scriptedError({ code: "invalid_request", message: "there is nothing to answer" });
    const { role, parent } = get(thread, last);
    return this.#run(id, role === "user" ? last : (parent ?? last));
  }

  async continue(id: string): Promise<null> {
    await this.#idle(id);
    const thread = this.thread(id);
    const last = thread.path.at(-1);
    if (last !== undefined && get(thread, last).role === "assistant") this.#run(id, get(thread, last).parent ?? "", last);
    return null;
  }

  async edit(id: string, message: string, parts: readonly (TextPartInput | FilePartInput)[]): Promise<string> {
    await this.#idle(id);
    const old = get(this.thread(id), message);
    const edited = { ...this.#user(parts, old.parent, "done"), role: old.role };
    this.change(id, (thread) => add(thread, edited));
    if (edited.role === "user") this.#run(id, edited.id);
    return edited.id;
  }

  approve(decision: DecideApproval): null {
    const decide = this.#decisions.get(decision.id);
    if (!decide) throw scriptedError({ code: "invalid_request", message: `no tool call waits for the decision '${decision.id}'` });
    decide(decision);
    return null;
  }

  async generate({ emit, signal }: ScriptedCall<GenerateEvent>): Promise<Generated> {
    const script = this.#app.nextAnswer();
    const send = (event: Partial<GenerateEvent> & Pick<GenerateEvent, "type">): void => { emit({ text: "", value: null, ...event }); };
    await this.#app.clock.sleep(this.#app.pace.firstMs, signal);
    send({ type: "start" });
    for (const piece of pieces(script)) {
      if (piece.kind === "object") send({ type: "object", value: piece.value });
      else if (piece.kind !== "tool") send({ type: piece.kind, text: piece.text });
      await this.#app.clock.sleep(this.#app.pace.chunkMs, signal);
    }
    if (script.error) throw new BrowserLLMError(errorInfo(script.error));
    const text = script.chunks?.join("") ?? script.text ?? (script.object === undefined ? "" : JSON.stringify(script.object));
    return { text, reasoning: script.reasoning ?? "", value: script.object ?? null, answer: this.#info(script) };
  }

  #user(parts: readonly (TextPartInput | FilePartInput)[], parent: string | null, status: ChatMessage["status"]): ChatMessage {
    const whole = parts.map((part): TextPart | FilePart => (part.type === "text" ? make("TextPart", part as never) : make("FilePart", part as never)));
    return make("ChatMessage", { id: this.#app.newId("message"), role: "user", parts: whole, parent, createdAt: this.#app.clock.now, status });
  }

  /** Answer a message, and then what is queued; returns the answer's id, or "" while the model loads. */
  #run(id: string, question: string, continued?: string): string {
    const abort = new AbortController();
    const running = { abort, done: Promise.resolve() };
    this.#running.set(id, running);
    const ready = this.#app.state.loaded.length > 0 && this.#app.state.loading === null;
    const first = ready ? this.#begin(id, question, continued) : "";
    running.done = this.#work(id, question, first, abort.signal).finally(() => { this.#running.delete(id); });
    return first;
  }

  /** Stop the answer in progress: its text stays on its branch. */
  async #idle(id: string): Promise<void> {
    const running = this.#running.get(id);
    running?.abort.abort();
    await running?.done;
  }

  async #work(id: string, question: string, first: string, signal: AbortSignal): Promise<void> {
    let answer = first;
    try {
      if (answer === "") {
        await this.#app.models.load(this.#app.state.settings.model ?? "pocket", "webllm", signal);
        answer = this.#begin(id, question);
      }
      for (;;) {
        await this.#grow(id, answer, signal);
        const next = this.thread(id).queue[0];
        if (next === undefined) return;
        answer = this.#begin(id, next);
      }
    } catch (error) {
      const info = error instanceof BrowserLLMError ? error.toInfo() : errorInfo({ message: String(error) });
      if (info.code !== "cancelled") this.#end(id, answer, { status: "error", error: info });
    }
  }

  #begin(id: string, question: string, continued?: string): string {
    const answer = make("ChatMessage", {
      id: this.#app.newId("message"),
      role: "assistant",
      parent: question,
      createdAt: this.#app.clock.now,
      status: "submitted",
    });
    this.change(id, (thread) => {
      const queue = thread.queue.filter((each) => each !== question);
      const asked = { ...thread, queue, status: "submitted" as const, error: null, answering: continued ?? answer.id };
      if (continued !== undefined) return put(asked, { ...get(asked, continued), status: "submitted" });
      const isQueued = queue.length < thread.queue.length;
      const settled = put(asked, { ...get(asked, question), status: "done" });
      return isQueued ? insert(settled, answer, queue) : add(settled, answer);
    });
    return continued ?? answer.id;
  }

  async #grow(id: string, answer: string, signal: AbortSignal): Promise<void> {
    const { clock, pace } = this.#app;
    const script = this.#app.nextAnswer();
    try {
      await clock.sleep(pace.firstMs, signal);
      this.change(id, (thread) => ({ ...thread, status: "streaming" }));
      for (const piece of pieces(script)) {
        await this.#arrive(id, answer, piece, signal);
        await clock.sleep(pace.chunkMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      this.#end(id, answer, { status: "stopped", answer: this.#info({ info: { finishReason: "stopped", ...script.info } }) });
      throw error;
    }
    if (script.error) throw new BrowserLLMError(errorInfo(script.error));
    this.#end(id, answer, { status: "done", answer: this.#info(script) });
  }

  async #arrive(id: string, answer: string, piece: Piece, signal: AbortSignal): Promise<void> {
    if (piece.kind !== "tool") this.#parts(id, answer, (parts) => arrived(parts, piece));
    else await this.#tool(id, answer, piece.tool, signal);
  }

  async #tool(id: string, answer: string, tool: NonNullable<ScriptedDetails["tool"]>, signal: AbortSignal): Promise<void> {
    const toolCallId = this.#app.newId("call");
    const set = (change: Partial<ToolPart>): void => {
      this.#parts(id, answer, (parts) => {
        const before = parts.find((part): part is ToolPart => part.type === "dynamic-tool" && part.toolCallId === toolCallId);
        const part = { ...(before ?? make("ToolPart", { toolName: tool.name, toolCallId, state: "input-available", input: tool.input })), ...change };
        return before ? parts.map((each) => (each === before ? part : each)) : [...finished(parts), part];
      });
    };
    set({});
    if (tool.approval) {
      const approval = this.#app.newId("approval");
      const asked = make("Approval", { id: approval, conversation: id, message: answer, toolName: tool.name, arguments: tool.input, at: this.#app.clock.now });
      set({ state: "approval-requested", approvalId: approval });
      this.#app.change((state) => ({ ...state, approvals: { ...state.approvals, [approval]: asked } }));
      const decision = await this.#decided(approval, signal);
      if (!decision.approve) {
        set({ state: "output-denied", approvalId: null, errorText: decision.reason ?? "" });
        return;
      }
      set({ approvalId: null, input: decision.arguments ?? tool.input });
    }
    set({ state: "output-available", output: tool.output ?? null });
  }

  async #decided(approval: string, signal: AbortSignal): Promise<DecideApproval> {
    try {
      return await new Promise((resolve, reject) => {
        this.#decisions.set(approval, resolve);
        signal.addEventListener("abort", () => { reject(scriptedError({ code: "cancelled" })); }, { once: true });
      });
    } finally {
      this.#decisions.delete(approval);
      this.#app.change((state) => ({ ...state, approvals: without(state.approvals, approval) }));
    }
  }

  #parts(id: string, answer: string, recipe: (parts: readonly MessagePart[]) => MessagePart[]): void {
    this.change(id, (thread) => {
      const message = get(thread, answer);
      return put(thread, { ...message, status: "streaming", parts: recipe(message.parts) });
    });
  }

  #end(id: string, answer: string, change: Partial<ChatMessage>): void {
    if (!this.#app.thread(id)) return; // it was deleted
    this.change(id, (thread) => {
      const failed = change.status === "error";
      const next: Thread = { ...thread, answering: null, status: failed ? "error" : "ready", error: failed ? (change.error ?? null) : null };
      const message = thread.messages[answer];
      return message ? put(next, { ...message, ...change, parts: finished(message.parts) }) : next;
    });
  }

  #info(script: ScriptedDetails): AnswerInfo {
    const loaded = this.#app.state.loaded[0];
    return make("AnswerInfo", {
      where: "local",
      backend: "local",
      model: loaded?.model ?? null,
      engine: loaded?.engine ?? null,
      device: loaded?.device ?? null,
      finishReason: "stop",
      completionTokens: pieces(script).length,
      tokensPerS: 1000 / this.#app.pace.chunkMs,
      firstTokenMs: this.#app.pace.firstMs,
      ...script.info,
    });
  }
}
