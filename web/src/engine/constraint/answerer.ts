/** Runs in the constraint worker: compiles formats for one model's tokens, and follows an answer token by token. */

import type { CompiledGrammar, GrammarCompiler, GrammarMatcher } from "@mlc-ai/web-xgrammar";
import { describe } from "../errors.ts";
import type { Format } from "./format.ts";
import { toGrammar } from "./grammar.ts";
import { complaintOf, type XGrammar } from "../../patches/xgrammar/library.ts";
import type { Answer, Ask, Vocabulary } from "./messages.ts";

/** How many compiled grammars are kept: a conversation uses the same few tools again and again. */
const KEPT = 16;

export class Answerer {
  readonly #load: (hear: (complaint: string) => void) => Promise<XGrammar>;
  readonly #compiled = new Map<string, CompiledGrammar>();
  #library: XGrammar | null = null;
  #compiler: GrammarCompiler | null = null;
  #matcher: GrammarMatcher | null = null;
  #complaint = "";

  constructor(load: (hear: (complaint: string) => void) => Promise<XGrammar>) {
    this.#load = load;
  }

  /** The answer to a request; null for `end`, which gets none. */
  async answer(ask: Ask): Promise<Answer | null> {
    try {
      switch (ask.type) {
        case "start":
          if (ask.vocabulary !== null) await this.#open(ask.vocabulary);
          return await this.#start(ask.format);
        case "accept":
          return await this.#accept(ask.token);
        case "end":
          this.#end();
          return null;
      }
    } catch (error) {
      return { type: "failed", reason: describe(error).message };
    }
  }

  async #open(vocabulary: Vocabulary): Promise<void> {
    const library = await this.#load((complaint) => { this.#complaint ||= complaintOf(complaint) ?? ""; });
    const { tokens, kind, prependsSpace, size, stops } = vocabulary;
    const info = await library.TokenizerInfo.createTokenizerInfo([...tokens], kind, prependsSpace, size, [...stops]);
    // XGrammar's own cache would grow with every schema.
    this.#compiler = await library.GrammarCompiler.createGrammarCompiler(info, false);
    this.#library = library;
  }

  async #start(format: Format): Promise<Answer> {
    this.#end();
    if (this.#library === null || this.#compiler === null) return { type: "failed", reason: "no vocabulary was given" };
    const key = JSON.stringify(format);
    let compiled = this.#compiled.get(key);
    if (compiled === undefined) {
      try {
        const grammar = await toGrammar(this.#library, format);
        compiled = await this.#compiler.compileGrammar(grammar);
        grammar.dispose();
      } catch (error) {
        // A C++ exception arrives as a number, without its message.
        const words = typeof error === "number" ? "XGrammar gave no reason" : describe(error).message;
        return { type: "refused", reason: this.#complaint || words };
      }
      for (const [oldest, old] of this.#compiled) {
        if (this.#compiled.size < KEPT) break;
        this.#compiled.delete(oldest);
        old.dispose();
      }
    }
    this.#compiled.delete(key);
    this.#compiled.set(key, compiled);
    this.#matcher = await this.#library.GrammarMatcher.createGrammarMatcher(compiled);
    return this.#mask(this.#matcher);
  }

  async #accept(token: number): Promise<Answer> {
    const matcher = this.#matcher;
    if (matcher === null) return { type: "failed", reason: "no answer has begun" };
    if (!matcher.acceptToken(token)) return { type: "failed", reason: `the model chose the token ${token}, which was not allowed` };
    return matcher.isTerminated() ? { type: "mask", mask: null } : this.#mask(matcher);
  }

  async #mask(matcher: GrammarMatcher): Promise<Answer> {
    const mask = (await matcher.getNextTokenBitmask()) as Int32Array<ArrayBuffer>;
    if (mask.some((word) => word !== 0)) return { type: "mask", mask };
    return { type: "failed", reason: "the model has no token that continues the answer as 'response_format' requires" };
  }

  #end(): void {
    this.#matcher?.dispose();
    this.#matcher = null;
  }
}
