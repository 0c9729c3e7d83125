/** The texts of the app in German. */

import type { Strings } from "../index.ts";
import { background } from "./background.ts";
import { chat } from "./chat.ts";
import { common } from "./common.ts";
import { compare } from "./compare.ts";
import { conversation } from "./conversation.ts";
import { header } from "./header.ts";
import { markdown } from "./markdown.ts";
import { models } from "./models.ts";
import { offline } from "./offline.ts";
import { plot } from "./plot.ts";
import { problems } from "./problems.ts";
import { python } from "./python.ts";
import { settings } from "./settings.ts";
import { shell } from "./shell.ts";
import { welcome } from "./welcome.ts";

export const de: Strings = { background, chat, common, compare, conversation, header, markdown, models, offline, plot, problems, python, settings, shell, welcome };
