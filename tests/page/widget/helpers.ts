/** A page with widgets over a scripted app. */

import { afterEach, beforeEach, vi } from "vitest";
import { scriptedClient, type ScriptedClient, type ScriptedOptions } from "@browserllm/react/testing";
import { LocalLLMWidget, localLLM, type LocalLLM } from "../../../web/widget/widget.ts";
import { serviceFor } from "../../../web/widget/service.ts";

const NAMES = ["loading", "progress", "ready", "unloaded", "error"].map((name) => `local-llm:${name}`);

let sites = 0;

export interface Site {
  readonly src: string;
  readonly client: ScriptedClient;
  readonly app: ScriptedClient["app"];
  readonly api: LocalLLM;
  /** How often the widgets and the API have connected. */
  readonly connections: () => number;
  /** Make the next connections fail, or work again with `null`. */
  readonly breakWith: (error: Error | null) => void;
}

/** A site of its own for a test, with nothing loaded unless `state` says otherwise. */
export function site({ state, ...options }: ScriptedOptions = {}): Site {
  sites += 1;
  const src = `/site-${sites}/`;
  const client = scriptedClient({ state: { loaded: [], ...state }, ...options });
  let count = 0;
  let failure: Error | null = null;
  const base = new URL(src, document.baseURI).href;
  serviceFor(base, () => {
    count += 1;
    return failure ? Promise.reject(failure) : client;
  });
  return { src, client, app: client.app, api: localLLM(base), connections: () => count, breakWith: (error) => { failure = error; } };
}

/** A widget in the document; its events are noted as `name model`. */
export function widget(src: string, attributes: Readonly<Record<string, string>> = {}): { element: LocalLLMWidget; events: string[]; details: Record<string, unknown>[] } {
  const element = document.createElement("local-llm-widget");
  const events: string[] = [];
  const details: Record<string, unknown>[] = [];
  for (const name of NAMES) {
    element.addEventListener(name, (event) => {
      const { detail } = event as CustomEvent<{ model?: string; error?: { code: string } }>;
      details.push(detail);
      if (name !== "local-llm:progress") events.push(`${name.slice(10)} ${detail.model ?? detail.error?.code ?? ""}`.trim());
    });
  }
  for (const [name, value] of Object.entries({ src, ...attributes })) element.setAttribute(name, value);
  document.body.append(element);
  return { element, events, details };
}

/** The element with this part. */
export function part(element: LocalLLMWidget, name: string): HTMLElement {
  const found = element.shadowRoot?.querySelector<HTMLElement>(`[part~="${name}"]`);
  if (!found) throw new Error(`the widget has no part ${name}`);
  return found;
}

/** The words of a part, or "" where it is hidden or not there. */
export function words(element: LocalLLMWidget, name: string): string {
  const found = element.shadowRoot?.querySelector<HTMLElement>(`[part~="${name}"]`);
  return !found || found.hidden ? "" : found.textContent;
}

export function button(element: LocalLLMWidget, name: string): HTMLButtonElement {
  const found = [...(element.shadowRoot?.querySelectorAll("button") ?? [])].find(({ textContent }) => textContent.startsWith(name));
  if (!found) throw new Error(`no button ${name}; there are: ${buttons(element).join(", ")}`);
  return found;
}

export function buttons(element: LocalLLMWidget): string[] {
  return [...(element.shadowRoot?.querySelectorAll("button") ?? [])].map(({ textContent }) => textContent);
}

/** A clock for the widgets; the scripted app has its own. */
export function fakeClock(): void {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_700_000_000_000, toFake: ["setTimeout", "clearTimeout", "Date"] });
  });
  afterEach(() => {
    document.body.replaceChildren();
    vi.useRealTimers();
  });
}
