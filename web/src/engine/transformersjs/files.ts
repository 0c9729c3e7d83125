/** Fetches a model's files for the library: from one folder only, counted, abortable, and remembered when they fail. */

import type { LoadProgress } from "../engine.ts";

export class ModelFetch {
  readonly #signal: AbortSignal;
  readonly #report: (progress: LoadProgress) => void;
  readonly #sizes = new Map<string, { loaded: number; total: number | null }>();
  #failed: { url: string; status: number | null } | null = null;

  constructor(signal: AbortSignal, report: (progress: LoadProgress) => void) {
    this.#signal = signal;
    this.#report = report;
  }

  /** The last file that did not come: status null when there was no answer at all. */
  get failed(): { readonly url: string; readonly status: number | null } | null {
    return this.#failed;
  }

  readonly fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const url = input instanceof Request ? input.url : String(input);
    let response: Response;
    try {
      response = await fetch(input, { ...init, signal: this.#signal });
    } catch (error) {
      if (!this.#signal.aborted) this.#failed = { url, status: null };
      throw error;
    }
    if (!response.ok) {
      // A missing optional file is normal, so it must not hide that a needed one is missing.
      if (!OPTIONAL.test(url)) this.#failed = { url, status: response.status };
      return response;
    }
    const partial = new Headers(init?.headers).has("Range") || init?.method === "HEAD";
    return partial || response.body === null ? response : this.#counted(url, response, response.body);
  };

  #counted(url: string, response: Response, body: ReadableStream<Uint8Array<ArrayBuffer>>): Response {
    const length = response.headers.get("Content-Length");
    // The length of a compressed answer is not that of what comes out of it.
    const plain = response.headers.get("Content-Encoding") === null;
    const size = { loaded: 0, total: length === null || !plain ? null : Number(length) };
    this.#sizes.set(url, size);
    const count = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform: (bytes, controller) => {
        size.loaded += bytes.length;
        controller.enqueue(bytes);
        this.#tell();
      },
    });
    const { status, statusText, headers } = response;
    return new Response(body.pipeThrough(count), { status, statusText, headers });
  }

  #lastTold = -Infinity;

  #tell(): void {
    const files = [...this.#sizes.values()];
    const loaded = files.reduce((sum, file) => sum + file.loaded, 0);
    const total = files.every((file) => file.total !== null) ? files.reduce((sum, file) => sum + (file.total ?? 0), 0) : null;
    const now = performance.now();
    if (now - this.#lastTold < TELL_EVERY_MS && loaded !== total) return;
    this.#lastTold = now;
    // Until the weights have begun, the total is that of the small files: no share of anything.
    const weights = [...this.#sizes.keys()].some((url) => WEIGHTS.test(url));
    const fraction = total === null || total === 0 || !weights ? null : Math.min(1, loaded / total);
    this.#report({ phase: "downloading", fraction, text: "Downloading the model", loaded_bytes: loaded, total_bytes: total });
    if (fraction === 1) this.#report({ phase: "loading", fraction: null, text: "Preparing the network" });
  }
}

const TELL_EVERY_MS = 50;
const WEIGHTS = /\.onnx(?:_data)?(?:_\d+)?(?:[?#]|$)/;
const OPTIONAL = /\/(generation_config|chat_template|special_tokens_map|added_tokens)\.[a-z]+$/;
