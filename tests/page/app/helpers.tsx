import { BrowserLLMProvider } from "@browserllm/react";
import { act, cleanup, render, type RenderResult } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, vi } from "vitest";
import { ToastProvider } from "../../../web/app/ui/index.ts";
import { make, sampleState, type ScriptedApp, scriptedClient, type ScriptedOptions } from "../../../web/react/src/testing.ts";

type State = ReturnType<typeof sampleState>;
export type Message = State["threads"][string]["messages"][string];

export { make, sampleState };

/** What happy-dom leaves out of a browser. */
export function completeDom(): void {
  vi.stubGlobal("ResizeObserver", StillObserver);
  vi.stubGlobal("matchMedia", (query: string) => ({ matches: false, media: query, addEventListener: () => undefined, removeEventListener: () => undefined }));
  localStorage.clear();
  sessionStorage.clear();
  location.hash = "";
}

/** Nothing changes its size by itself in happy-dom. */
class StillObserver {
  observe(): void {
    // There is nothing to report.
  }
  unobserve(): void {
    // There is nothing to report.
  }
  disconnect(): void {
    // There is nothing to report.
  }
}

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

export interface Shown extends RenderResult {
  readonly app: ScriptedApp;
  /** Lets the scripted app go on for some milliseconds of its clock. */
  readonly advance: (ms?: number) => Promise<void>;
  /** The arguments of the calls of an action, in order. */
  readonly callsOf: (action: string) => unknown[];
}

/** Draws a part of the app on a scripted Python. */
export async function show(node: ReactNode, options: ScriptedOptions = {}): Promise<Shown> {
  const client = scriptedClient(options);
  await client.app.advance(0);
  const view = render(
    <BrowserLLMProvider client={client}>
      <ToastProvider>{node}</ToastProvider>
    </BrowserLLMProvider>,
  );
  const shown: Shown = {
    ...view,
    app: client.app,
    advance: async (ms = 0) => {
      await act(async () => {
        await client.app.advance(ms);
      });
    },
    callsOf: (action) => client.app.calls.filter((call) => call.action === action).map((call) => call.args),
  };
  await shown.advance();
  return shown;
}

export function text(words: string): Message["parts"][number] {
  return make("TextPart", { text: words });
}

export function message(fields: Partial<Message> & { readonly id: string; readonly role: Message["role"] }): Message {
  return make("ChatMessage", fields);
}

/** A state with one conversation, `c`, whose messages are given in the order in which they came. */
export function stateWith(messages: readonly Message[], thread: Partial<State["threads"][string]> = {}, more: Partial<State> = {}): State {
  const children: Record<string, string[]> = {};
  for (const one of messages) (children[one.parent ?? ""] ??= []).push(one.id);
  const path: string[] = [];
  for (let next = children[""]?.at(-1); next !== undefined; next = children[next]?.at(-1)) path.push(next);
  const all = Object.fromEntries(messages.map((one) => [one.id, one]));
  return {
    ...sampleState(),
    conversations: { c: make("Conversation", { id: "c", title: "Lighthouses", createdAt: 0, updatedAt: 0, messages: messages.length }) },
    threads: { c: make("Thread", { id: "c", messages: all, children, path, ...thread }) },
    ...more,
  };
}
