/** The texts of the app in English. Every other language has the same names. */

import { common } from "./common.ts";
import { shell } from "./shell.ts";

export const en = { common, shell };
