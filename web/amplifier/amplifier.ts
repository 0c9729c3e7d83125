/**
 * The site's `amplifier.js`: agents of Amplifier in a page.
 *
 * It is one file, under a name that stays the same. Nothing is fetched and nothing starts before `init`.
 */

export { AmplifierWeb } from "./agent.ts";
export { AmplifierError } from "./errors.ts";
export { AnswerStream } from "./answer_stream.ts";
export { isWebGPUSupported } from "./support.ts";
export { WorkerManager } from "./worker_manager.ts";
export type { AgentAnswer, AgentEvent } from "@browserllm/react/actions";
export type { ApprovalRequest, ExecuteOptions, Message, Options, Progress, Stage } from "./agent.ts";
export type { Tool, ToolContext, ToolFunction } from "./tools.ts";
export type { Completion, CompletionMessage, CompletionRequest, Delta } from "./worker_manager.ts";
