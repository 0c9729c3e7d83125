/** The texts of the app in German. */

import type { Strings } from "../index.ts";
import { common } from "./common.ts";
import { shell } from "./shell.ts";

export const de: Strings = { common, shell };
