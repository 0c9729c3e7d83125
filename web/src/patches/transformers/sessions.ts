/**
 * What: replaces ONNX Runtime's `InferenceSession.create` under Transformers.js 4.3.1. A call that fails resolves, and its
 * error is kept for the caller to take; sessions of a load that failed are freed.
 * Why: Transformers.js chains session calls with `chain = chain.then(call)`, so that after one rejection no later call
 * ever runs. A model of several networks of which one fails never hands out the others.
 * Upstream: huggingface/transformers.js#1767, and the comments in huggingface/transformers.js#1635.
 * Contract: tests/page/patches/transformers.test.ts.
 */

import { InferenceSession } from "onnxruntime-web/webgpu";

let failure: unknown = null;

/** The error of the last failed session call, given once; null when there was none. */
export function takeFailure(): unknown {
  const taken = failure;
  failure = null;
  return taken;
}

/**
 * The sessions made between `start` and `stop`. A model of several networks that fails with one of them never hands out the others,
 * and a session that is still being made cannot be stopped: so they are freed here.
 */
export class SessionWatch {
  readonly #sessions = new Set<Promise<InferenceSession>>();

  static start(): SessionWatch {
    return (current = new SessionWatch());
  }

  stop(): void {
    if (current === this) current = null;
  }

  take(session: Promise<InferenceSession>): void {
    this.#sessions.add(session);
  }

  /** Release them all, those too that are still being made. */
  async free(): Promise<void> {
    for (const session of await Promise.allSettled(this.#sessions)) {
      if (session.status === "fulfilled") await session.value.release();
    }
    this.#sessions.clear();
  }
}

let current: SessionWatch | null = null;

/** Replace `InferenceSession.create`, once per worker. */
export function guardSessions(): void {
  const create = InferenceSession.create.bind(InferenceSession) as (...args: unknown[]) => Promise<InferenceSession>;
  const guarded = async (...args: unknown[]): Promise<unknown> => {
    try {
      const creating = create(...args);
      current?.take(creating);
      const session = await creating;
      const run = session.run.bind(session) as (...args: unknown[]) => Promise<unknown>;
      const guardedRun = async (...feeds: unknown[]): Promise<unknown> => {
        try {
          return await run(...feeds);
        } catch (error) {
          failure = error;
          return {};
        }
      };
      return Object.assign(session, { run: guardedRun });
    } catch (error) {
      failure = error;
      return { inputNames: [], outputNames: [], inputMetadata: [], release: () => Promise.resolve() };
    }
  };
  Object.assign(InferenceSession, { create: guarded });
}
