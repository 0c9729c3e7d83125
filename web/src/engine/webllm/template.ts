/** The prompt that a conversation template of mlc-chat-config.json makes of messages: needed to count its tokens. */

import type { Message } from "../options.ts";

type Template = Readonly<Record<string, unknown>>;

/** The texts of the prompt, one per message; they are tokenized one by one, as WebLLM does. */
export function renderPrompt(template: Template, messages: readonly Message[]): readonly string[] {
  const first = messages[0];
  const system = first?.role === "system" ? first.content : text(template["system_message"], "");
  const turns = first?.role === "system" ? messages.slice(1) : messages;
  const head =
    system === "" && template["render_empty_system_message"] === false
      ? ""
      : text(template["system_template"], "{system_message}").replace("{system_message}", () => system);
  const parts = head === "" ? [] : [head];
  const seps = Array.isArray(template["seps"]) ? (template["seps"] as readonly unknown[]) : [];
  turns.forEach(({ role, content }, index) => {
    const name = lookUp(template["roles"], role);
    const bare = template["add_role_after_system_message"] === false && head !== "" && index === 0;
    const body = lookUp(template["role_templates"], role, "{" + role + "_message}")
      .replace(`{${role}_message}`, () => content)
      .replace("{function_string}", "");
    const sep = seps.length === 0 ? "" : text(seps[index % seps.length], "");
    parts.push((bare ? "" : name + text(template["role_content_sep"], ": ")) + body + sep);
  });
  parts.push(lookUp(template["roles"], "assistant") + text(template["role_empty_sep"], ": "));
  return parts;
}

function text(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function lookUp(record: unknown, key: string, otherwise = ""): string {
  return typeof record === "object" && record !== null ? text(Reflect.get(record, key), otherwise) : otherwise;
}
