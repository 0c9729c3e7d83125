/**
 * What: makes the conversation template of mlc-chat-config.json safe for WebLLM's way of filling it, adds what WebLLM
 * leaves out of a conversation that continues in the KV cache, and renders the same prompt where its tokens are counted.
 * Why: WebLLM fills templates with `String.replace`, which reads `$&` in a message, and never feeds the token that ended
 * an answer; it counts no tokens of a prompt before it has run it.
 * Upstream: no issue that we know of.
 * Contract: tests/page/patches/web_llm.test.ts; tests/page/conversation.test.ts compares every shipped template.
 */

import { isRecord, type JsonRecord } from "../../engine/fields.ts";
import type { TextMessage } from "../../engine/options.ts";

type Template = JsonRecord;

const FUNCTIONS = "{function_string}";

/**
 * A template whose holes take a text as it is. WebLLM fills them with `template.replace(hole, text)`, where JavaScript
 * reads `$&`, `$$`, `` $` ``, `$'` in the text; escaping the texts instead would cost the KV cache, because WebLLM finds
 * out by comparing texts whether a conversation goes on. The hole for functions, which we never fill, is left out.
 */
class LiteralTemplate extends String {
  constructor(template: string) {
    super(template.replace(FUNCTIONS, ""));
  }

  override replace(hole: unknown, text: unknown): string {
    return super.replace(String(hole), () => String(text));
  }
}

/** The same for a role: WebLLM takes `{function_string}` out of what it has filled, which may be the caller's own text. */
class LiteralRoleTemplate extends LiteralTemplate {
  override replace(hole: unknown, text: unknown): string {
    return new Filled(super.replace(hole, text)) as unknown as string;
  }
}

class Filled extends String {
  override replace(): string {
    return String(this);
  }
}

/** The template, for WebLLM to fill, with nothing in the messages' texts being read as a pattern. */
export function literalTemplate(template: Template): Template {
  const { system_template: system, role_templates: roles } = template;
  const literal = (value: unknown): unknown => (typeof value === "string" ? new LiteralRoleTemplate(value) : value);
  return {
    ...template,
    ...(typeof system === "string" ? { system_template: new LiteralTemplate(system) } : {}),
    ...(isRecord(roles) ? { role_templates: Object.fromEntries(Object.entries(roles).map(([role, value]) => [role, literal(value)])) } : {}),
  };
}

/**
 * What the template has after the answer at `index`. WebLLM leaves it out of a conversation that goes on in the KV cache:
 * the end token that the model says is never fed, and the next turn begins with the next role.
 */
export function endOfAnswer(template: Template, index: number): string {
  const hole = "{assistant_message}";
  const role = lookUp(template["role_templates"], "assistant");
  const after = role.includes(hole) ? role.slice(role.indexOf(hole) + hole.length) : "";
  return after + separator(template, index);
}

/** What the prompt has before an answer, of which WebLLM may have `begun` some itself (an empty thought). */
export function startOfAnswer(template: Template, role: string, begun: unknown): string {
  return typeof begun === "string" ? role + text(template["role_content_sep"], ": ") + begun : role + text(template["role_empty_sep"], ": ");
}

const OPENED = /(?:<(think|thinking|thought|reasoning|seed:think)>|\[(THINK)\])\s*$/i;

/**
 * A template may open a thought in the role before each answer, also of those in the history, which come without their
 * thoughts: the model would take such an answer for one. So the thought is ended there, and is empty. An answer that
 * comes with its thought has the opening mark already, from the role.
 */
export function endOpenedThoughts<T extends { readonly role: string; readonly content: unknown }>(template: Template | null, messages: readonly T[]): readonly T[] {
  const opened = OPENED.exec(lookUp(template?.["roles"], "assistant"));
  if (opened === null) return messages;
  const [opening, closing] = opened[1] === undefined ? [`[${opened[2]}]`, `[/${opened[2]}]`] : [`<${opened[1]}>`, `</${opened[1]}>`];
  return messages.map((message) => {
    const { role, content } = message;
    if (role !== "assistant" || typeof content !== "string") return message;
    if (content.startsWith(opening)) return { ...message, content: content.slice(opening.length).replace(/^\n/, "") };
    return content.includes(closing) ? message : { ...message, content: `\n${closing}\n\n${content}` };
  });
}

/** What stands after the message at `index`. */
function separator({ seps }: Template, index: number): string {
  return Array.isArray(seps) && seps.length > 0 ? text(seps[index % seps.length], "") : "";
}

/** What begins a thought, or an empty one, at the end of what stands before an answer: Qwen3.5's templates have either. */
const THOUGHT = /<think>(?:\s*<\/think>)?\s*$/;

/**
 * What stands before an answer: as the template has it, or with empty thoughts for a model that is not to think. Only a
 * template that begins a thought, or an empty one, begins one for a model that is to think; other models do it themselves.
 */
export function answerHeader(template: Template, thinking?: boolean): string {
  const header = lookUp(template["roles"], "assistant") + text(template["role_empty_sep"], ": ");
  const bare = header.replace(THOUGHT, "");
  if (thinking === undefined) return header;
  if (!thinking) return bare + "<think>\n\n</think>\n\n";
  return bare === header ? header : bare + "<think>\n";
}

/** The texts of the prompt, one per message; they are tokenized one by one, as WebLLM does. */
export function renderPrompt(template: Template, messages: readonly TextMessage[], thinking?: boolean): readonly string[] {
  const first = messages[0];
  const system = first?.role === "system" ? first.content : text(template["system_message"], "");
  const turns = first?.role === "system" ? messages.slice(1) : messages;
  const head =
    system === "" && template["render_empty_system_message"] === false
      ? ""
      : text(template["system_template"], "{system_message}").replace(FUNCTIONS, "").replace("{system_message}", () => system);
  const parts = head === "" ? [] : [head];
  turns.forEach(({ role, content }, index) => {
    const name = lookUp(template["roles"], role);
    const bare = template["add_role_after_system_message"] === false && head !== "" && index === 0;
    const body = lookUp(template["role_templates"], role, "{" + role + "_message}")
      .replace(FUNCTIONS, "")
      .replace(`{${role}_message}`, () => content);
    parts.push((bare ? "" : name + text(template["role_content_sep"], ": ")) + body + separator(template, index));
  });
  parts.push(answerHeader(template, thinking));
  return parts;
}

function text(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function lookUp(record: unknown, key: string, otherwise = ""): string {
  return typeof record === "object" && record !== null ? text(Reflect.get(record, key), otherwise) : otherwise;
}
