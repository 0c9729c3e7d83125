/** One conversation as a component shows it: what `useChat` holds between renders. */

import type { ConversationSettingsInput } from "../actions.ts";
import { isBlank } from "../blank.ts";
import type { ActionName, AppClient, ArgsOf, ResultOf } from "../client.ts";
import type { BrowserLLMError } from "../errors.ts";
import { asError, errorOf, isCancelled } from "../failures.ts";
import { newId } from "../ids.ts";
import { Listeners } from "../listeners.ts";
import type { ErrorInfo, Thread } from "../state.ts";
import { textOf, userParts, type UserInput } from "./files.ts";
import { UIMessages, uiPart, type UIMessage } from "./messages.ts";
import { Outbox, type Unsent } from "./outbox.ts";
import { enterRoom, isUsed, openRoom } from "./rooms.ts";
import { Throttle } from "./throttle.ts";
import { AnswerWatch, type FinishedAnswer, type ToolCall } from "./watch.ts";

/** As AI SDK has it: `submitted` until the first piece of the answer, `streaming` until its last. */
export type ChatStatus = "submitted" | "streaming" | "ready" | "error";

export interface ChatCallbacks {
  /** Called when an answer has ended: complete, stopped or failed. */
  readonly onFinish?: ((finished: FinishedAnswer) => void) | undefined;
  readonly onError?: ((error: BrowserLLMError) => void) | undefined;
  /** Called when a tool call is complete. Python runs the tools; this only tells. */
  readonly onToolCall?: ((call: { readonly toolCall: ToolCall }) => void) | undefined;
}

export interface ChatOptions extends ChatCallbacks {
  /** What new requests carry. Changes are passed on. */
  readonly settings?: ConversationSettingsInput | undefined;
  /** Whether the conversation is kept on the device and listed; by default it is. */
  readonly keep?: boolean | undefined;
  /** Render at most this often while an answer grows, in milliseconds. */
  readonly throttle?: number | undefined;
  /** Stop the answer when the last component that shows it is gone; otherwise it goes on. */
  readonly cancelOnUnmount?: boolean | undefined;
}

export interface ChatSnapshot {
  readonly messages: UIMessage[];
  /** Messages that wait for their answer. They are in `messages`, too. */
  readonly queue: UIMessage[];
  readonly status: ChatStatus;
  readonly error: BrowserLLMError | undefined;
  /** The conversation as the state has it, with its branches, route and context; `null` before the first message. */
  readonly thread: Thread | null;
}

export class Chat {
  readonly id: string;
  options: ChatOptions = {};
  readonly #client: AppClient;
  readonly #isOwn: boolean;
  readonly #listeners = new Listeners();
  readonly #ui = new UIMessages();
  readonly #outbox = new Outbox();
  readonly #watch: AnswerWatch;
  readonly #throttle: Throttle;
  #snapshot: ChatSnapshot;
  #error: BrowserLLMError | null = null;
  #dismissed: ErrorInfo | null = null;
  #sentSettings: string | undefined;
  #wasMounted = false;

  /** Without an `id` the conversation is the component's own. It is created with its first message. */
  constructor(client: AppClient, id: string | null) {
    this.#client = client;
    this.id = id ?? newId();
    this.#isOwn = id === null;
    this.#snapshot = this.#look(null);
    this.#throttle = new Throttle(() => { this.#refresh(); });
    this.#watch = new AnswerWatch({
      onFinish: (answer, thread) => {
        this.#throttle.now();
        const [message] = this.#ui.of(thread, [answer.id]);
        if (message) this.options.onFinish?.({ message, messages: this.#snapshot.messages, ...answer });
      },
      onError: (info) => { this.options.onError?.(errorOf(info)); },
      onToolCall: (toolCall) => { this.options.onToolCall?.({ toolCall }); },
    });
  }

  readonly getSnapshot = (): ChatSnapshot => this.#snapshot;

  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener);

  /** Follow the conversation until the function that it returns is called. */
  readonly mount = (): (() => void) => {
    const undos = [
      this.#client.subscribe(() => { this.#follow(); }),
      this.#client.onClose((error) => { this.#fail(error); }),
      enterRoom(this.#client, this.id, (opening) => {
        // Without waiting for what is being opened, it would stay open.
        void opening.catch(() => undefined).then(() => this.#leave());
      }),
    ];
    this.#wasMounted = true;
    this.#watch.begin(this.#thread());
    if (!this.#isOwn) void this.#attempt(() => this.#openExisting());
    this.#refresh();
    return () => {
      for (const undo of undos) undo();
      this.#throttle.cancel();
    };
  };

  /** Pass on settings that have changed, once the conversation is there. */
  readonly applySettings = async (): Promise<void> => {
    const { settings } = this.options;
    const now = JSON.stringify(settings);
    if (!settings || now === this.#sentSettings || !this.#thread()) return;
    this.#sentSettings = now;
    await this.#attempt(() => this.#client.call("conversations.update", { id: this.id, settings }));
  };

  /**
   * Send a message; it is shown at once. Resolves with its id when the app has it, which may be before the model is
   * loaded. If it cannot be sent, `error` says why, and the result is `null`.
   */
  readonly sendMessage = async (input: UserInput & { readonly messageId?: string | undefined } | string): Promise<string | null> => {
    const messageId = typeof input === "string" ? undefined : input.messageId;
    if (messageId !== undefined) return this.edit(messageId, input);
    const shown = textOf(input);
    if (isEmpty(input)) return null;
    this.#setError(null);
    const send = this.#outbox.add(shown, this.#thread());
    this.#refresh();
    const id = await this.#attempt(async () => {
      const parts = await userParts(input);
      send.show(parts);
      if (parts.length > shown.length) this.#refresh();
      return send.inTurn(async (signal) => {
        await this.#open();
        signal.throwIfAborted();
        return this.#client.call("chat.send", { conversation: this.id, parts }, { signal });
      });
    });
    send.done(id);
    this.#refresh();
    return id ?? null;
  };

  /** Answer again, as a new branch: the answer with this id, or the last one. */
  readonly regenerate = async ({ messageId }: { readonly messageId?: string | undefined } = {}): Promise<void> => {
    await this.#call("chat.regenerate", { conversation: this.id, message: messageId });
  };

  /** Stop the answer. Resolves with the messages that waited, so that they can be edited and sent again. */
  readonly stop = async (): Promise<UIMessage[]> => {
    const unsent = this.#outbox.abort();
    const drafts = this.#thread() ? await this.#call("chat.stop", { conversation: this.id }) : undefined;
    const messages = Object.fromEntries((drafts ?? []).map((draft) => [draft.id, draft]));
    return [...new UIMessages().of({ ...EMPTY, messages }, Object.keys(messages)), ...unsent.map((message) => waiting(message, "queued"))];
  };

  /** Write a message anew, as a new branch. A user's message is answered. Resolves with the new message's id. */
  readonly edit = async (messageId: string, input: UserInput): Promise<string | null> => {
    const id = await this.#attempt(async () => {
      const parts = await userParts(input);
      await this.#open();
      return this.#client.call("chat.edit", { conversation: this.id, message: messageId, parts });
    });
    return id ?? null;
  };

  /** Let the model go on with its last answer, which was stopped or reached its limit. */
  readonly continueAnswer = async (): Promise<void> => {
    await this.#call("chat.continue", { conversation: this.id });
  };

  /** Delete a message and everything after it on its branch. */
  readonly deleteMessage = async (messageId: string): Promise<void> => {
    await this.#call("chat.delete", { conversation: this.id, message: messageId });
  };

  /** Show the branch with this message; `metadata.branches.ids` has them. */
  readonly selectBranch = async (messageId: string): Promise<void> => {
    await this.#call("chat.branch", { conversation: this.id, message: messageId });
  };

  /** Answer a tool call that waits: `id` is that of its part's `approval`. `arguments` replace those of the call. */
  readonly addToolApprovalResponse = async (response: {
    readonly id: string;
    readonly approved: boolean;
    readonly reason?: string | undefined;
    readonly arguments?: Readonly<Record<string, unknown>> | undefined;
  }): Promise<void> => {
    const { id, approved, reason, arguments: given } = response;
    await this.#attempt(() => this.#client.call("chat.approve", { id, approve: approved, reason, arguments: given }));
  };

  /** Take the error away: `status` is `ready` again. */
  readonly clearError = (): void => {
    this.#dismissed = this.#thread()?.error ?? null;
    this.#setError(null);
  };

  #thread(): Thread | null {
    return this.#client.getState().threads[this.id] ?? null;
  }

  async #open(): Promise<void> {
    const { settings, keep = true } = this.options;
    const created = await openRoom(this.#client, this.id, { settings, keep });
    if (created) this.#sentSettings = JSON.stringify(settings);
    await this.applySettings();
  }

  async #openExisting(): Promise<void> {
    await openRoom(this.#client, this.id, null);
    await this.applySettings();
  }

  /** Close the conversation when no component shows it; called again when something that was under way is done. */
  async #leave(): Promise<void> {
    if (isUsed(this.#client, this.id)) return;
    const { cancelOnUnmount = false, keep = true } = this.options;
    // A conversation of this component alone, which is not kept, can never be seen again.
    const isLost = this.#isOwn && !keep;
    if (cancelOnUnmount || isLost) this.#outbox.abort();
    if (!this.#thread()) return;
    const id = this.id;
    try {
      if (cancelOnUnmount) await this.#client.call("chat.stop", { conversation: id });
      await this.#client.call(isLost ? "conversations.delete" : "conversations.close", { id });
    } catch {
      // Without Python nothing is left to be closed.
    }
  }

  /** Call an action that needs the conversation to be open. */
  #call<A extends ActionName>(action: A, args: ArgsOf<A>): Promise<ResultOf<A> | undefined> {
    return this.#attempt(async () => {
      this.#setError(null);
      await this.#open();
      return (this.#client.call as (action: A, args: ArgsOf<A>) => Promise<ResultOf<A>>)(action, args);
    });
  }

  /** Functions of hooks do not reject: what fails is shown as `error`. */
  async #attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (thrown) {
      if (!isCancelled(thrown)) this.#fail(asError(thrown));
      return undefined;
    } finally {
      // The component may be gone by now, and this has opened the conversation after it had gone.
      if (this.#wasMounted && this.#thread()) void this.#leave();
    }
  }

  #fail(error: BrowserLLMError): void {
    this.#setError(error);
    this.options.onError?.(error);
  }

  #setError(error: BrowserLLMError | null): void {
    if (this.#error === error && !this.#dismissed) return;
    this.#error = error;
    this.#refresh();
  }

  #follow(): void {
    const thread = this.#thread();
    const before = this.#snapshot.thread;
    const isBack = this.#error?.code === "disconnected"; // there is a new state: it is connected again
    if (isBack) this.#error = null;
    if (thread === before && !isBack) return;
    if (!thread && this.#client.getState().conversations[this.id]) void this.#attempt(() => this.#openExisting());
    this.#watch.look(thread);
    if (thread && before && thread.status === before.status && thread.path === before.path) this.#throttle.soon(this.options.throttle ?? 0);
    else this.#throttle.now();
  }

  #refresh(): void {
    const next = this.#look(this.#snapshot);
    if (next === this.#snapshot) return;
    this.#snapshot = next;
    this.#listeners.tell();
  }

  #look(before: ChatSnapshot | null): ChatSnapshot {
    const thread = this.#thread();
    const isStarting = this.#client.getState().status === "starting";
    const unsent = this.#outbox.unseen(thread).map((message) => waiting(message, isStarting ? "queued" : "submitted"));
    const messages = same(before?.messages, [...(thread ? this.#ui.of(thread, thread.path) : []), ...unsent]);
    const queue = same(before?.queue, [...(thread ? this.#ui.of(thread, thread.queue) : []), ...(isStarting ? unsent : [])]);
    const shownError = thread?.error && thread.error !== this.#dismissed ? errorOf(thread.error) : undefined;
    const error = this.#error ?? shownError;
    const status = statusOf(thread, error !== undefined, this.#outbox.isBusy);
    if (before?.thread === thread && before.messages === messages && before.queue === queue && before.status === status && before.error === error) return before;
    return { messages, queue, status, error, thread };
  }
}

const EMPTY: Thread = {
  id: "", messages: {}, children: {}, path: [], status: "ready", answering: null, queue: [], elsewhere: false, error: null, route: null, contextTokens: null, contextWindow: null,
};

function statusOf(thread: Thread | null, failed: boolean, isBusy: boolean): ChatStatus {
  if (failed) return "error";
  const status = thread?.status ?? "ready";
  if (status === "submitted" || status === "streaming") return status;
  return isBusy ? "submitted" : "ready";
}

function isEmpty(input: UserInput): boolean {
  if (typeof input === "string") return isBlank(input);
  if (input.parts) return input.parts.length === 0;
  return isBlank(input.text ?? "") && (input.files?.length ?? 0) === 0;
}

/** A message that the app does not have yet. */
function waiting({ id, parts, createdAt }: Unsent, status: "queued" | "submitted"): UIMessage {
  const branches = { index: 0, count: 1, ids: [id] };
  return { id, role: "user", parts: parts.map(uiPart), metadata: { answer: null, parent: null, createdAt, status, error: null, branches } };
}

/** The list from before, if it has the same entries. */
function same<T>(before: T[] | undefined, now: T[]): T[] {
  return before?.length === now.length && before.every((each, index) => each === now[index]) ? before : now;
}
