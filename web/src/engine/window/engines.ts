/** The engines that a browser offers to windows alone: the half that runs there. A new one is a new entry here. */

import type { LanguageModelStatic } from "../promptapi/idl.d.ts";

export interface WindowEngine {
  /** As in engines.ts of the worker. */
  readonly name: string;
  /** Whether this browser offers it. */
  isThere(): boolean;
  /** Serve the worker's half over a port; its code is fetched here. */
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
