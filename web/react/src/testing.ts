/** An app in memory for tests: it speaks the messages of docs/app.md and answers from a script, on a clock that the test moves. */

export { ScriptedApp, scriptedClient, scriptedError } from "./testing/app.ts";
export type { ScriptedCall, ScriptedClient, ScriptedHandler, ScriptedHandlers, ScriptedOptions, ScriptedPace } from "./testing/app.ts";
export { diff } from "./testing/diff.ts";
export { make } from "./testing/make.ts";
export type { ScriptedAnswer, ScriptedDetails } from "./testing/script.ts";
export { sampleState } from "./testing/state.ts";
