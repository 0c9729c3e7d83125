/** Renders hooks in StrictMode with a scripted app behind them. */

import { act, cleanup, renderHook, type RenderHookResult } from "@testing-library/react";
import { StrictMode, type ReactNode } from "react";
import { afterEach, expect, vi } from "vitest";
import { BrowserLLMProvider, type UIMessage } from "@browserllm/react";
import { scriptedClient, type ScriptedClient, type ScriptedOptions } from "@browserllm/react/testing";

export interface Rendered<R, P> extends RenderHookResult<R, P> {
  readonly client: ScriptedClient;
  /** Move the clock on, and let React render. */
  readonly advance: (ms: number) => Promise<void>;
  /** Do something, and let what comes of it arrive. */
  readonly run: <T>(work: () => T) => Promise<Awaited<T>>;
  /** How often the hook has rendered since the last time this was asked. */
  readonly renders: () => number;
}

/** Render a hook over a scripted app that is connected. StrictMode finds effects and renders that are not pure. */
export async function renderOver<R, P = undefined>(hook: (props: P) => R, options: ScriptedOptions & { readonly props?: P } = {}): Promise<Rendered<R, P>> {
  const client = scriptedClient(options);
  await client.app.advance(0);
  const wrapper = ({ children }: { children: ReactNode }): ReactNode => (
    <StrictMode>
      <BrowserLLMProvider client={client}>{children}</BrowserLLMProvider>
    </StrictMode>
  );
  let renders = 0;
  const rendered = renderHook(
    (props: P) => {
      renders += 1;
      return hook(props);
    },
    { wrapper, initialProps: options.props as P },
  );
  return {
    ...rendered,
    client,
    advance: (ms) => act(() => client.app.advance(ms)),
    run: (work) =>
      act(async () => {
        const done = Promise.resolve(work());
        await client.app.advance(0);
        return done;
      }) as never,
    // StrictMode renders twice each time.
    renders: () => {
      const counted = renders / 2;
      renders = 0;
      return counted;
    },
  };
}

/** The text of each message. */
export function texts(messages: readonly UIMessage[]): string[] {
  return messages.map((message) => message.parts.map((part) => ("text" in part ? part.text : "")).join(""));
}

/** After each test: unmount, and fail if React or this package complained. */
export function failOnComplaints(): void {
  const complaints = vi.spyOn(console, "error");
  afterEach(() => {
    cleanup();
    expect(complaints.mock.calls).toEqual([]);
    complaints.mockClear();
  });
}
