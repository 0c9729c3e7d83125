/** The window's halves of the engines that a browser offers only in windows. A new one is a new entry here. */

import type { LanguageModelStatic } from "../promptapi/idl.d.ts";

export interface WindowEngine {
  /** The name in the worker's engines.ts. */
  readonly name: string;
  /** Whether this browser offers it. */
  isThere(): boolean;
  /** Serve the worker's half over a port. Fetches the engine's code. */
  serve(port: MessagePort): Promise<void>;
}

const scope = globalThis as { readonly LanguageModel?: LanguageModelStatic };

export const windowEngines: readonly WindowEngine[] = [
  {
    name: "prompt-api",
    isThere: () => scope.LanguageModel !== undefined,
    serve: async (port) => {
      const { serveLanguageModel } = await import("../promptapi/window.ts");
      if (scope.LanguageModel !== undefined) serveLanguageModel(port, scope.LanguageModel);
    },
  },
];
