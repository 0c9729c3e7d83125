/** The texts of the app in English. Every other language has the same names. */

import { background } from "./background.ts";
import { chat } from "./chat.ts";
import { common } from "./common.ts";
import { compare } from "./compare.ts";
import { conversation } from "./conversation.ts";
import { header } from "./header.ts";
import { markdown } from "./markdown.ts";
import { models } from "./models.ts";
import { offline } from "./offline.ts";
import type { PythonWords } from "../python.ts";
import { plot } from "./plot.ts";
import { problems } from "./problems.ts";
import { settings } from "./settings.ts";
import { shell } from "./shell.ts";
import { welcome } from "./welcome.ts";

/** Python's own sentences are English. */
const python: PythonWords | null = null as PythonWords | null;

export const en = { background, chat, common, compare, conversation, header, markdown, models, offline, plot, problems, python, settings, shell, welcome };
