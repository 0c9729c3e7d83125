/** useCompletion: one answer to one prompt. */

import { useMemo, useState, type ChangeEvent } from "react";
import type { ConversationSettingsInput, Generated } from "../actions.ts";
import type { BrowserLLMError } from "../errors.ts";
import { useEvent } from "../provider.tsx";
import type { AnswerInfo } from "../state.ts";
import { useGeneration, type UseGenerationOptions } from "./use-generation.ts";

export interface UseCompletionOptions extends UseGenerationOptions {
  readonly settings?: ConversationSettingsInput | undefined;
  readonly initialInput?: string | undefined;
  readonly initialCompletion?: string | undefined;
  readonly onFinish?: ((prompt: string, completion: string, generated: Generated) => void) | undefined;
}

export interface UseCompletion {
  /** The answer so far. */
  readonly completion: string;
  readonly reasoning: string;
  readonly isLoading: boolean;
  readonly error: BrowserLLMError | undefined;
  readonly answer: AnswerInfo | null;
  /** Answer a prompt; one in progress is stopped. Resolves with the answer, or `null` if it failed or was stopped. */
  readonly complete: (prompt: string, options?: { readonly settings?: ConversationSettingsInput }) => Promise<string | null>;
  /** Stop; what has arrived stays. */
  readonly stop: () => void;
  readonly setCompletion: (completion: string) => void;
  readonly input: string;
  readonly setInput: (input: string) => void;
  /** For `<input onChange>`. */
  readonly handleInputChange: (event: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) => void;
  /** For `<form onSubmit>`: completes the input. */
  readonly handleSubmit: (event?: { readonly preventDefault?: () => void }) => void;
}

/** Answer a prompt, without a conversation. */
export function useCompletion(options: UseCompletionOptions = {}): UseCompletion {
  const [generation, now] = useGeneration(options, { text: options.initialCompletion ?? "" });
  const [input, setInput] = useState(options.initialInput ?? "");
  const complete = useEvent(async (prompt: string, more: { readonly settings?: ConversationSettingsInput } = {}) => {
    const messages = [{ role: "user", parts: [{ type: "text", text: prompt }] }] as const;
    const generated = await generation.start(() => ({ messages, settings: { ...options.settings, ...more.settings } }));
    if (!generated) return null;
    finish(prompt, generated);
    return generated.text;
  });
  const finish = useEvent((prompt: string, generated: Generated) => { options.onFinish?.(prompt, generated.text, generated); });
  const handleSubmit = useEvent((event?: { readonly preventDefault?: () => void }) => {
    event?.preventDefault?.();
    if (input !== "") void complete(input);
  });
  const functions = useMemo(
    () => ({
      stop: generation.stop,
      setCompletion: (text: string) => { generation.set({ text }); },
      handleInputChange: (event: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) => { setInput(event.target.value); },
    }),
    [generation],
  );
  return useMemo(() => {
    const { text, reasoning, isLoading, error, answer } = now;
    return { completion: text, reasoning, isLoading, error, answer, complete, input, setInput, handleSubmit, ...functions };
  }, [now, input, complete, handleSubmit, functions]);
}
