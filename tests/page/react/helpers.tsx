/** Renders hooks and components in StrictMode with a scripted app behind them. */

import { act, renderHook, type RenderHookResult } from "@testing-library/react";
import { StrictMode, type ReactNode } from "react";
import { BrowserLLMProvider } from "@browserllm/react";
import { scriptedClient, type ScriptedClient, type ScriptedOptions } from "@browserllm/react/testing";

export interface Rendered<R, P> extends RenderHookResult<R, P> {
  readonly client: ScriptedClient;
  /** Move the clock on, and let React render. */
  readonly advance: (ms: number) => Promise<void>;
  /** How often the hook has rendered and committed so far. */
  readonly commits: () => number;
}

/** Render a hook over a scripted app that is connected. `StrictMode` finds effects and renders that do not come in pairs. */
export async function renderOver<R, P = undefined>(hook: (props: P) => R, options: ScriptedOptions & { readonly props?: P } = {}): Promise<Rendered<R, P>> {
  const client = scriptedClient(options);
  await client.app.advance(0);
  const wrapper = ({ children }: { children: ReactNode }): ReactNode => (
    <StrictMode>
      <BrowserLLMProvider client={client}>{children}</BrowserLLMProvider>
    </StrictMode>
  );
  let commits = 0;
  const rendered = renderHook(
    (props: P) => {
      const result = hook(props);
      commits += 1;
      return result;
    },
    { wrapper, initialProps: options.props as P },
  );
  // StrictMode renders twice for each commit.
  return { ...rendered, client, advance: (ms) => act(() => client.app.advance(ms)), commits: () => commits / 2 };
}
