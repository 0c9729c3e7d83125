/**
 * What: reads and replaces private fields of web-llm 0.2.86's engine and pipeline: the context window, the tokenizer, the
 * conversation template, the counters of the KV cache, how a prompt is fed, and which matcher masks the tokens.
 * Why: the public API has none of them, and has no hook before a token is sampled that may wait for another worker.
 * Upstream: cancelling a load is mlc-ai/web-llm#499; we know of no issue for the others.
 * Contract: tests/page/patches/web_llm.test.ts. Where a field is missing, a read gives null and the feature is refused.
 */

import type { Matcher } from "../../engine/constraint/constrainer.ts";
import type { Vocabulary } from "../../engine/constraint/messages.ts";
import { isRecord } from "../../engine/fields.ts";
import { Pieces } from "./pieces.ts";
import { answerHeader, endOfAnswer, literalTemplate, startOfAnswer } from "./template.ts";

export interface Internals {
  readonly contextWindow: number | null;
  /** Whether the model takes images. */
  readonly takesImages: boolean;
  /** The conversation template of mlc-chat-config.json. */
  readonly template: Readonly<Record<string, unknown>> | null;
  /** Have texts inserted into the conversation template as they are, without what JavaScript's replace() reads in them. */
  takeTextsLiterally(): void;
  /** Have what ends an answer in the template fed before the next turn, and before an answer what `think` says. */
  endAnswers(): void;
  /** Whether the next answers begin with thoughts, as `answerHeader` has it; WebLLM's own switch counts them as said. */
  think(thinking: boolean | undefined): void;
  countTokens(text: string): number | null;
  /** A text's tokens, without special tokens. */
  encode(text: string): readonly number[] | null;
  /** How the prompt of the answer that is being given ends. */
  promptEnd(): string | null;
  /** Tokens in the KV cache now. */
  filled(): number | null;
  /** Forward passes of one token in the last answer. */
  decoded(): number | null;
  /** Tokens of the last answer, without the end token. */
  kept(): number | null;
  /** Have prompts fed in pieces, see pieces.ts, with `between` called before each but the first. */
  feedInPieces(between: () => void): void;
  /** A new prompt begins: there is no piece before its first one. */
  newPrompt(): void;
  /** What XGrammar has to know of the tokens. */
  vocabulary(): Vocabulary | null;
  /** Have our matcher asked where WebLLM would make one of its own; null lets go of it. False when that cannot be. */
  constrain(matcher: Matcher | null): boolean;
}

/** Of web-llm's MLCEngine, with the model loaded. */
export function readInternals(engine: object, model: string): Internals {
  const pipeline = lookUp(engine, "loadedModelIdToPipeline", model);
  const config = lookUp(engine, "loadedModelIdToChatConfig", model);
  const tokenizer = field(pipeline, "tokenizer");
  const template = field(config, "conv_template");
  const patch = field(config, "conv_config");
  const sliding = asNumber(field(pipeline, "slidingWindowSize"));
  let pieces: Pieces | null = null;
  let thinking: boolean | undefined;
  const window = asNumber(field(pipeline, "contextWindowSize"));
  const kinds = call(pipeline, "getSupportedInputKinds", undefined);
  const whole = isRecord(template) ? { ...template, ...(isRecord(patch) ? patch : {}) } : null;
  return {
    contextWindow: sliding !== null && sliding > 0 ? null : window,
    takesImages: kinds instanceof Set && kinds.has("image"),
    template: whole,
    takeTextsLiterally: () => {
      if (!isRecord(config)) return;
      for (const [name, part] of Object.entries({ conv_template: template, conv_config: patch })) {
        if (isRecord(part)) Reflect.set(config, name, literalTemplate(part));
      }
    },
    endAnswers: () => {
      const set = field(pipeline, "setConversation");
      if (typeof set !== "function" || typeof pipeline !== "object" || pipeline === null || whole === null) return;
      Reflect.set(pipeline, "setConversation", (conversation: unknown) => {
        for (const [name, isLastRound] of PROMPTS) {
          const prompt = field(conversation, name);
          if (typeof conversation !== "object" || conversation === null || typeof prompt !== "function") continue;
          Reflect.set(conversation, name, (...args: readonly unknown[]) => {
            const parts = Reflect.apply(prompt, conversation, args) as readonly unknown[];
            const headed = thinking === undefined ? parts : [...parts.slice(0, -1), answerHeader(whole, thinking)];
            const messages = field(conversation, "messages");
            const end = isLastRound && Array.isArray(messages) ? endOfAnswer(whole, messages.length - 3) : "";
            return end === "" ? headed : [end, ...headed];
          });
        }
        Reflect.apply(set, pipeline, [conversation]);
      });
    },
    think: (wanted) => { thinking = wanted; },
    countTokens: (text) => {
      const encoded = call(tokenizer, "encode", text);
      return encoded instanceof Int32Array || Array.isArray(encoded) ? encoded.length : null;
    },
    encode: (text) => {
      const encoded = call(tokenizer, "encode", text);
      return encoded instanceof Int32Array ? [...encoded] : null;
    },
    promptEnd: () => {
      const messages = field(field(pipeline, "conversation"), "messages");
      const last: unknown = Array.isArray(messages) ? messages.at(-1) : null;
      if (whole === null || !Array.isArray(last)) return null;
      return thinking === undefined ? startOfAnswer(whole, asText(last[1]), last[2]) : answerHeader(whole, thinking);
    },
    filled: () => asNumber(field(pipeline, "filledKVCacheLength")),
    decoded: () => asNumber(field(pipeline, "curRoundDecodingTotalTokens")),
    kept: () => asNumber(field(field(pipeline, "outputIds"), "length")),
    newPrompt: () => { pieces?.newPrompt(); },
    vocabulary: () => {
      const count = asNumber(call(tokenizer, "getVocabSize", undefined));
      const size = asNumber(field(pipeline, "fullVocabSize"));
      const kind = KINDS.find((one) => one === field(pipeline, "token_postproc_method"));
      const stops = field(pipeline, "stopTokens");
      if (count === null || size === null || kind === undefined || !Array.isArray(stops)) return null;
      // WebLLM takes a mask of just as many bits as the network has logits.
      const tokens = Array.from({ length: Math.min(count, size) }, (_, id) => asText(call(tokenizer, "idToToken", id)));
      return { tokens, kind, prependsSpace: field(pipeline, "prepend_space_in_encode") === true, size, stops: stops as number[] };
    },
    constrain: (matcher) => {
      if (typeof pipeline !== "object" || pipeline === null) return false;
      if (typeof field(pipeline, "prepareGrammarMatcherForSampling") !== "function") return false;
      Reflect.set(pipeline, "prepareGrammarMatcherForSampling", () => undefined);
      Reflect.set(pipeline, "grammarMatcher", matcher === null ? undefined : asWebLlms(matcher));
      return true;
    },
    feedInPieces: (between) => {
      const forward = field(pipeline, "embedAndForward");
      if (typeof forward !== "function" || typeof pipeline !== "object" || pipeline === null) return;
      const fed = new Pieces(
        {
          forward: (...args) => Promise.resolve(Reflect.apply(forward, pipeline, args)),
          sync: () => Promise.resolve(call(pipeline, "sync", undefined)),
        },
        between,
      );
      pieces = fed;
      Reflect.set(pipeline, "embedAndForward", (data: readonly unknown[], length: number) => fed.feed(data, length));
    },
  };
}

/** Where a conversation makes its prompt, and whether that is the last round alone; the last part stands before the answer. */
const PROMPTS = [
  ["getPromptArray", false],
  ["getPromptArrayLastRound", true],
  ["getArtifactPromptSegments", false],
  ["getArtifactPromptSegmentsLastRound", true],
] as const;

const KINDS = ["byte_level", "byte_fallback", "raw"] as const;

/** A matcher as WebLLM calls it. What does not fit was masked, so each token is accepted; what fails fails the next mask. */
function asWebLlms(matcher: Matcher): object {
  return {
    getNextTokenBitmask: () => matcher.mask(),
    acceptToken: (token: number) => {
      matcher.accept(token);
      return true;
    },
    dispose: () => undefined, // chat() does that
  };
}

/**
 * Have a `reload` that runs end as soon as it can. Its own way, `unload`, forgets the signal while the library still has to
 * look at it, and then downloads the whole model.
 */
export function abortReload(engine: object): void {
  const controller = field(engine, "reloadController");
  if (controller instanceof AbortController) controller.abort(new DOMException("the load was cancelled", "AbortError"));
}

function lookUp(owner: object, map: string, key: string): unknown {
  const value = field(owner, map);
  return value instanceof Map ? value.get(key) : null;
}

function field(owner: unknown, name: string): unknown {
  return typeof owner === "object" && owner !== null ? (Reflect.get(owner, name) as unknown) : null;
}

function call(owner: unknown, name: string, argument: unknown): unknown {
  const method = field(owner, name);
  return typeof method === "function" ? (Reflect.apply(method, owner, [argument]) as unknown) : null;
}

function asNumber(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : "";
}
