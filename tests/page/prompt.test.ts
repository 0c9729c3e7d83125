import { Template } from "@huggingface/jinja";
import { describe, expect, it } from "vitest";
import { PageError } from "../../web/src/engine/errors.ts";
import { promptIds, templateOf, thinkingSwitch, type TemplateTokenizer } from "../../web/src/engine/transformersjs/prompt.ts";

const MESSAGES = [{ role: "user" as const, content: "hi" }];

/** The ends of chat templates as their makers publish them: Qwen3's, the small Qwen3.5's, SmolLM3's, and one without. */
const BODY = "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endfor %}";
const HEAD = "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}";
const TEMPLATES = {
  qwen3: `${BODY}${HEAD}{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}`,
  small: `${BODY}${HEAD}{%- if enable_thinking is defined and enable_thinking is true %}{{- '<think>\\n' }}{%- else %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}`,
  smol: `{%- if enable_thinking is not defined %}{%- set enable_thinking = true %}{%- endif %}{{- 'Reasoning: ' + ('/think' if enable_thinking else '/no_think') + '\\n' }}${BODY}${HEAD}{%- endif %}`,
  none: `${BODY}${HEAD}{%- endif %}`,
} as const;

/** The library's own renderer, and a token for each character; it writes down what it is given. */
function tokenizer(template: string, given: object[] = []): TemplateTokenizer {
  const fake = {
    get_chat_template: () => template,
    apply_chat_template: (messages: readonly unknown[], options: Record<string, unknown>) => {
      given.push(options);
      return Array.from(new Template(template).render({ messages, ...options }), (character) => character.codePointAt(0));
    },
  };
  return fake as unknown as TemplateTokenizer;
}

const rendered = (name: keyof typeof TEMPLATES, thinking: boolean | undefined): string =>
  String.fromCodePoint(...promptIds(tokenizer(TEMPLATES[name]), MESSAGES, thinking));
const ASKED = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n";
const EMPTY = "<think>\n\n</think>\n\n";

describe("a prompt by the model's template", () => {
  it.each([
    ["qwen3", undefined, ASKED],
    ["qwen3", true, ASKED],
    ["qwen3", false, ASKED + EMPTY],
    ["small", undefined, ASKED + EMPTY],
    ["small", true, `${ASKED}<think>\n`],
    ["small", false, ASKED + EMPTY],
    ["smol", undefined, `Reasoning: /think\n${ASKED}`],
    ["smol", true, `Reasoning: /think\n${ASKED}`],
    ["smol", false, `Reasoning: /no_think\n${ASKED}`],
    ["none", undefined, ASKED],
    ["none", true, ASKED],
    ["none", false, ASKED],
  ] as const)("%s with thinking=%s", (name, thinking, expected) => {
    expect(rendered(name, thinking)).toBe(expected);
  });

  it("is given the switch only where it was asked for and the template has it", () => {
    for (const [name, thinking, has] of [["qwen3", true, true], ["qwen3", false, true], ["qwen3", undefined, false], ["none", true, false]] as const) {
      const given: object[] = [];
      promptIds(tokenizer(TEMPLATES[name], given), MESSAGES, thinking);
      expect(given).toEqual([{ add_generation_prompt: true, return_tensor: false, return_dict: false, ...(has ? { enable_thinking: thinking } : {}) }]);
    }
  });

  it("says by null that the template has no switch", () => {
    expect(thinkingSwitch(TEMPLATES.none, true)).toBeNull();
    expect(thinkingSwitch(null, false)).toBeNull();
    expect(thinkingSwitch("{{ not_enable_thinking_at_all }}", false)).toBeNull();
    expect(thinkingSwitch(TEMPLATES.none, undefined)).toEqual({});
    expect(thinkingSwitch(TEMPLATES.qwen3, false)).toEqual({ enable_thinking: false });
  });

  it("reports why a template refuses messages, and templates that are not valid", () => {
    const refusing = tokenizer("{{ raise_exception('roles must alternate') }}");
    expect(() => promptIds(refusing, MESSAGES, undefined)).toThrow(/refuses these messages: roles must alternate/);
    const none = { get_chat_template: () => { throw new Error("no template"); }, apply_chat_template: () => "text" };
    expect(templateOf(none as unknown as TemplateTokenizer)).toBeNull();
    expect(() => promptIds(none as unknown as TemplateTokenizer, MESSAGES, true)).toThrow(PageError);
  });
});
