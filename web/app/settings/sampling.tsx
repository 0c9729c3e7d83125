import type { ConversationSettings, ConversationSettingsInput } from "@browserllm/react";
import type { JSX } from "react";
import { Entered, NumberField } from "../panel/panel.tsx";
import { useStrings } from "../strings/index.ts";
import { TextArea } from "../ui/index.ts";

interface SamplingProps {
  readonly settings: ConversationSettings;
  readonly onChange: (changes: ConversationSettingsInput) => void;
}

/** The system prompt and how the model writes. */
export function Sampling({ settings, onChange }: SamplingProps): JSX.Element {
  const words = useStrings().conversation;
  return (
    <>
      <Entered value={settings.system ?? ""} onSave={(system) => { onChange({ system: system.trim() === "" ? null : system }); }}>
        {(props) => <TextArea label={words.system} note={words.systemNote} rows={4} maxLength={100_000} {...props} />}
      </Entered>
      <NumberField label={words.temperature} note={words.temperatureNote} low={0} high={2} value={settings.temperature} onSave={(temperature) => { onChange({ temperature }); }} />
      <NumberField label={words.topP} note={words.topPNote} low={0} high={1} value={settings.topP} onSave={(topP) => { onChange({ topP }); }} />
      <NumberField whole label={words.maxTokens} note={words.maxTokensNote} low={1} high={100_000} value={settings.maxTokens} onSave={(maxTokens) => { onChange({ maxTokens }); }} />
    </>
  );
}
