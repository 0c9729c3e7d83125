/** React hooks for language models that run in the browser. */

export { BrowserLLMProvider, shallowEqual, useCall, useClient, useConnection, useSelector } from "./provider.tsx";
export type { BrowserLLMProviderProps, UseConnection } from "./provider.tsx";

export { useChat } from "./chat/use-chat.ts";
export type { UseChat, UseChatOptions } from "./chat/use-chat.ts";
export type { ChatStatus } from "./chat/chat.ts";
export type { UserInput } from "./chat/files.ts";
export { toFilePart } from "./chat/files.ts";
export { uiPart } from "./chat/messages.ts";
export type { Branches, UIFilePart, UIMessage, UIMetadata, UIObjectPart, UIPart, UIToolPart } from "./chat/messages.ts";
export type { FinishedAnswer, ToolCall } from "./chat/watch.ts";

export { useCompletion } from "./generate/use-completion.ts";
export type { UseCompletion, UseCompletionOptions } from "./generate/use-completion.ts";
export { useObject } from "./generate/use-object.ts";
export type { DeepPartial, StandardSchema, UseObject, UseObjectOptions } from "./generate/use-object.ts";

export { useConversations } from "./use-conversations.ts";
export type { ConversationActions, ConversationChanges, NewConversationOptions, UseConversations } from "./use-conversations.ts";
export { useDevice, useModel, useModels, useStorage } from "./use-models.ts";
export type { LoadOptions, ModelActions, ModelStatus, UseDevice, UseModel, UseModels, UseStorage } from "./use-models.ts";

export { useModelManager, useWebLLM } from "./aliases.ts";
export type { UseModelManager, UseWebLLM, UseWebLLMOptions } from "./aliases.ts";

export { createClient } from "./client.ts";
export type { ActionName, AppClient, AppPipe, ArgsOf, Boot, Call, CallOptions, EventOf, ResultOf } from "./client.ts";
export { isBlank } from "./blank.ts";
export { connect } from "./connect.ts";
export type { ConnectModule, ConnectOptions } from "./connect.ts";
export { BrowserLLMError } from "./errors.ts";
export { BUILTIN_TOOLS, MAX_COMPARED, MAX_NAME_CHARS, MAX_SEARCH_CHARS, MAX_TITLE_CHARS } from "./limits.ts";
export { EMPTY_STATE } from "./dictionaries.ts";
export type * from "./state.ts";
export type * from "./actions.ts";
