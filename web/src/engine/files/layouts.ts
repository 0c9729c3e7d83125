/** The layouts of the engines that keep files in caches. Add a new engine's layout here. */

import { transformersJsLayout } from "../transformersjs/layout.ts";
import { webLlmLayout } from "../webllm/layout.ts";
import type { FileLayout } from "./layout.ts";

export const layouts: readonly FileLayout[] = [webLlmLayout, transformersJsLayout];
