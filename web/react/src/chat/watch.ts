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
  readonly #running = new Set<string>();
  readonly #toolCalls = new Set<string>();
  #error: ErrorInfo | null = null;

  constructor(callbacks: WatchCallbacks) {
    this.#callbacks = callbacks;
  }

  /** What is there already is not news. */
  begin(thread: Thread | null): void {
    this.#error = thread?.error ?? null;
    if (thread?.answering) {
      this.#running.add(thread.answering);
      for (const call of toolCalls(thread.messages[thread.answering])) this.#toolCalls.add(call.toolCallId);
    }
  }

  look(thread: Thread | null): void {
    if (!thread) return;
    if (thread.answering) this.#running.add(thread.answering);
    for (const id of this.#running) {
      const message = thread.messages[id];
      for (const call of toolCalls(message)) {
        if (!this.#toolCalls.has(call.toolCallId)) {
          this.#toolCalls.add(call.toolCallId);
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

/** The tool calls of a message whose arguments are complete. */
function toolCalls(message: ChatMessage | undefined): ToolCall[] {
  return (message?.parts ?? []).flatMap((part) => {
    if (part.type !== "dynamic-tool" || part.state === "input-streaming") return [];
    const { toolName, toolCallId, input } = part;
    return [{ toolName, toolCallId, input, dynamic: true }];
  });
}
