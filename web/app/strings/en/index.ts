/** The texts of the app in English. Every other language has the same names. */

import { chat } from "./chat.ts";
import { common } from "./common.ts";
import { conversation } from "./conversation.ts";
import { header } from "./header.ts";
import { markdown } from "./markdown.ts";
import { models } from "./models.ts";
import { offline } from "./offline.ts";
import { shell } from "./shell.ts";

export const en = { chat, common, conversation, header, markdown, models, offline, shell };
