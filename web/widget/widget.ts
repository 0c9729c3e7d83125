/**
 * The site's `widget.js`: defines `<local-llm-widget>`, and exports the JavaScript API of the page.
 *
 * It is one file, under a name that stays the same, so that a page has one copy of it: widgets and scripts that import it
 * share one connection and one model. Nothing is fetched and nothing starts until it is asked for.
 */

import { LocalLLMWidget, localLLM } from "./element.ts";

export { LocalLLMWidget, localLLM };
export { BrowserLLMError } from "@browserllm/react/errors";
export { LocalLLM } from "./api.ts";
export type { ChatOptions, Fallback, InitOptions, LoadOptions, Message, Mode, ModeChange, ModeOptions, RuntimeInfo } from "./api.ts";
export type { ButtonControl, Control, ModelControl, ModelOption } from "./controls.ts";
export type { WidgetEvents } from "./events.ts";
export type { Metric, WidgetProgress, WidgetState, WidgetStatus } from "./status.ts";
export type { WidgetTexts } from "./texts.ts";

/** The API of the site that this file belongs to. */
export const { init, chat, complete, unload, switchModel, getAvailableModels, getStatus, getRuntimeInfo, setMode, getMode, isLocalAvailable } = localLLM();

if (typeof customElements !== "undefined" && !customElements.get("local-llm-widget")) customElements.define("local-llm-widget", LocalLLMWidget);
