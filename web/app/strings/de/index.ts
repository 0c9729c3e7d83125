/** The texts of the app in German. */

import type { Strings } from "../index.ts";
import { chat } from "./chat.ts";
import { common } from "./common.ts";
import { conversation } from "./conversation.ts";
import { header } from "./header.ts";
import { markdown } from "./markdown.ts";
import { models } from "./models.ts";
import { offline } from "./offline.ts";
import { shell } from "./shell.ts";

export const de: Strings = { chat, common, conversation, header, markdown, models, offline, shell };
