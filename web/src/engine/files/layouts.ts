/** The layouts of the engines that keep files in caches; a new one is a new line here. */

import { transformersJsLayout } from "../transformersjs/layout.ts";
import { webLlmLayout } from "../webllm/layout.ts";
import type { FileLayout } from "./layout.ts";

export const layouts: readonly FileLayout[] = [webLlmLayout, transformersJsLayout];
