/** Notices what happens in a conversation: an answer ended, an error came up, a tool was called. */

import type { ChatMessage, ErrorInfo, Thread } from "../state.ts";
import type { UIMessage } from "./messages.ts";

/** How an answer ended, as AI SDK's `onFinish` has it. */
export interface FinishedAnswer {
  readonly message: UIMessage;
  readonly messages: UIMessage[];
  /** It was stopped. */
  readonly isAbort: boolean;
  readonly isError: boolean;
  readonly finishReason: string | null;
}

export interface ToolCall {
  readonly toolName: string;
  readonly toolCallId: string;
  readonly input: unknown;
  readonly dynamic: true;
}

type Ended = Pick<FinishedAnswer, "isAbort" | "isError" | "finishReason"> & { readonly id: string };

export interface WatchCallbacks {
  readonly onFinish: (answer: Ended, thread: Thread) => void;
  readonly onError: (error: ErrorInfo) => void;
  readonly onToolCall: (call: ToolCall) => void;
}

export class AnswerWatch {
  readonly #callbacks: WatchCallbacks;
  /** The answers in progress, each with the ids of the calls that are known: another answer may use the same ids. */
  readonly #running = new Map<string, Set<string>>();
  #last: Thread | null = null;
  #error: ErrorInfo | null = null;

  constructor(callbacks: WatchCallbacks) {
    this.#callbacks = callbacks;
  }

  /** What is there already is not news. */
  begin(thread: Thread | null): void {
    this.#error = thread?.error ?? null;
    this.#last = thread;
    if (thread?.answering) this.#running.set(thread.answering, callIds(thread.messages[thread.answering]));
  }

  look(thread: Thread | null): void {
    if (!thread) return;
    const { answering } = thread;
    // An answer that is continued has calls from before.
    if (answering !== null && !this.#running.has(answering)) this.#running.set(answering, callIds(this.#last?.messages[answering]));
    this.#last = thread;
    for (const [id, known] of this.#running) {
      const message = thread.messages[id];
      for (const call of toolCalls(message)) {
        if (!known.has(call.toolCallId)) {
          known.add(call.toolCallId);
          this.#callbacks.onToolCall(call);
        }
      }
      if (message && id !== thread.answering) this.#end(message, thread);
      else if (!message) this.#running.delete(id);
    }
    const news = thread.error !== this.#error ? thread.error : null;
    this.#error = thread.error;
    if (news) this.#callbacks.onError(news);
  }

  #end(message: ChatMessage, thread: Thread): void {
    const { id, status, answer } = message;
    this.#running.delete(id);
    this.#callbacks.onFinish({ id, isAbort: status === "stopped", isError: status === "error", finishReason: answer?.finishReason ?? null }, thread);
  }
}

function callIds(message: ChatMessage | undefined): Set<string> {
  return new Set(toolCalls(message).map(({ toolCallId }) => toolCallId));
}

/** The tool calls of a message whose arguments are complete. */
function toolCalls(message: ChatMessage | undefined): ToolCall[] {
  return (message?.parts ?? []).flatMap((part) => {
    if (part.type !== "dynamic-tool" || part.state === "input-streaming") return [];
    const { toolName, toolCallId, input } = part;
    return [{ toolName, toolCallId, input, dynamic: true }];
  });
}
