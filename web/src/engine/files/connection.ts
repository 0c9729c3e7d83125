/** The downloader's HTTP requests. Each gives a response, or an error that shows whether another attempt may help. */

import { PageError } from "../errors.ts";
import type { Platform } from "./platform.ts";
import { MAX_RETRY_AFTER_MS, reasonOf, retryAfterMs, Setback } from "./retry.ts";

export type InterruptReason = "network" | "not_shared" | "missing" | "refused" | "server" | "too_short" | "offline";

export function interrupted(url: string, reason: InterruptReason, what: string, data: object = {}, cause?: unknown): PageError {
  return new PageError("download_interrupted", `${what} (${url})`, { url, reason, ...data }, cause);
}

/**
 * The connection of one attempt. It ends when `signal` fires. If the server sends nothing for `stall_ms` during a `wait`, it ends with
 * a `stalled` setback.
 */
export class Connection {
  readonly #controller = new AbortController();
  readonly #clock: Platform["clock"];
  readonly #url: string;
  readonly #stallMs: number;
  readonly #outer: AbortSignal;
  #fail: ((error: Error) => void) | null = null;

  constructor(platform: Pick<Platform, "clock">, url: string, stallMs: number, signal: AbortSignal) {
    this.#clock = platform.clock;
    this.#url = url;
    this.#stallMs = stallMs;
    this.#outer = signal;
    signal.addEventListener("abort", this.#abort);
  }

  /** Ends the operations that use this connection. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Wait for the server, with the time limit for silence. */
  wait<T>(promise: Promise<T>): Promise<T> {
    // Not Promise.race with a long-lived promise: every chunk of a file would add a reaction to it.
    return new Promise((resolve, reject) => {
      const stall = this.#clock.after(this.#stallMs, () => { this.#end(this.#stalled()); });
      this.#fail = reject;
      if (this.#outer.aborted) this.#abort();
      promise.then(resolve, reject).finally(stall);
    });
  }

  close(): void {
    this.#outer.removeEventListener("abort", this.#abort);
    this.#fail = null;
    this.#controller.abort();
  }

  readonly #abort = (): void => {
    this.#end(reasonOf(this.#outer));
  };

  #end(error: Error): void {
    this.#fail?.(error);
    this.#controller.abort(error);
  }

  #stalled(): Setback {
    const seconds = this.#stallMs / 1000;
    const message = `the server sent nothing for ${seconds} s; check the connection and try again (${this.#url})`;
    return new Setback(new PageError("stalled", message, { url: this.#url, stall_ms: this.#stallMs }));
  }
}

/** Requests one file, once per attempt, and classifies the responses. */
export class Requester {
  readonly #platform: Platform;
  readonly #url: string;
  #unshared = 0;
  #answered = false;

  constructor(platform: Platform, url: string) {
    this.#platform = platform;
    this.#url = url;
  }

  /** The response, with status 200 or one of `accepted`. Throws an error otherwise, or a Setback if another attempt may help. */
  async ask(connection: Connection, headers: Record<string, string> = {}, accepted: readonly number[] = []): Promise<Response> {
    let response: Response;
    try {
      response = await connection.wait(
        // The HTTP cache would keep a second copy of everything.
        this.#platform.fetch(this.#url, { headers, cache: "no-store", signal: connection.signal }),
      );
    } catch (error) {
      if (connection.signal.aborted) throw error;
      throw await this.#unanswered(connection, error);
    }
    this.#answered = true;
    if (response.status === 200 || accepted.includes(response.status)) return response;
    throw refusal(this.#url, response, this.#platform.now());
  }

  /** The connection broke while the body was read. */
  broken(cause: unknown): Setback {
    return this.#noConnection("the connection broke", cause);
  }

  #noConnection(what: string, cause: unknown): Setback {
    if (!this.#platform.online()) {
      return new Setback(interrupted(this.#url, "offline", `${what}: this device is offline; connect it and try again`, {}, cause));
    }
    return new Setback(interrupted(this.#url, "network", `${what}; check the connection and try again`, {}, cause));
  }

  /** Browsers do not report whether a server is down or refuses cross-origin requests; a `no-cors` request finds out. */
  async #unanswered(connection: Connection, cause: unknown): Promise<Error> {
    if (this.#answered || !this.#platform.online() || new URL(this.#url).origin === this.#platform.origin) {
      return this.#noConnection("no answer from the server", cause);
    }
    try {
      const init: RequestInit = { mode: "no-cors", method: "HEAD", cache: "no-store", signal: connection.signal };
      await connection.wait(this.#platform.fetch(this.#url, init));
    } catch (error) {
      if (connection.signal.aborted && error instanceof Error) return error;
      // A cross-origin isolated page (COEP: require-corp) gets no such response from a server without CORS.
      return this.#noConnection("no answer from the server (or it does not allow this site to read the file)", cause);
    }
    const message = `the server answers but does not allow this site to read the file (no CORS headers for ${this.#platform.origin})`;
    const unshared = interrupted(this.#url, "not_shared", message, {}, cause);
    // Once may be a coincidence: the first request's connection broke, and the second's did not.
    this.#unshared += 1;
    return this.#unshared > 1 ? unshared : new Setback(unshared);
  }
}

/** The error for a status other than success. */
function refusal(url: string, response: Response, now: number): PageError | Setback {
  const { status } = response;
  if (status === 404 || status === 410) {
    return interrupted(url, "missing", `the server has no such file (status ${status}); check the address`, { status });
  }
  if (status === 401 || status === 403) {
    return interrupted(url, "refused", `the server refuses access to this file (status ${status}); it may need a login`, { status });
  }
  const dated = Date.parse(response.headers.get("Date") ?? ""); // dates are relative to the server's clock, if it reports it
  const wait = retryAfterMs(response.headers.get("Retry-After"), Number.isNaN(dated) ? now : dated);
  const retry_after_s = wait === null ? null : Math.ceil(wait / 1000);
  const tooLong = wait !== null && wait > MAX_RETRY_AFTER_MS;
  const again = status === 408 || status === 425 || status === 429 || status >= 500;
  if (status === 429 || (again && tooLong)) {
    const when = retry_after_s === null ? "later" : `in ${retry_after_s} s`;
    const message = `the server asks to try again ${when} (status ${status}) (${url})`;
    const limited = new PageError("rate_limited", message, { url, status, retry_after_s });
    return tooLong ? limited : new Setback(limited, wait ?? 0);
  }
  const failed = interrupted(url, "server", `the server answered with status ${status}; try again later`, { status });
  return again ? new Setback(failed, wait ?? 0) : failed;
}
