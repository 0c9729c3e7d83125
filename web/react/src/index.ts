/** React hooks for language models that run in the browser. */

export { BrowserLLMProvider, shallowEqual, useCall, useClient, useConnection, useSelector } from "./provider.tsx";
export type { BrowserLLMProviderProps, UseConnection } from "./provider.tsx";
export { createClient } from "./client.ts";
export type { ActionName, AppClient, AppPipe, ArgsOf, Boot, Call, CallOptions, EventOf, ResultOf } from "./client.ts";
export { connect } from "./connect.ts";
export type { ConnectModule, ConnectOptions } from "./connect.ts";
export { BrowserLLMError } from "./errors.ts";
export { EMPTY_STATE } from "./state.ts";
export type * from "./state.ts";
export type * from "./actions.ts";
