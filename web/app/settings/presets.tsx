import { type ConversationSettings, isBlank, MAX_NAME_CHARS, type Preset, useSelector } from "@browserllm/react";
import { newId } from "@browserllm/react/ids";
import { type SubmitEvent, type JSX, useId, useState } from "react";
import { formatRate } from "../format.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { Button, Confirm, Dialog, IconButton, TextField } from "../ui/index.ts";
import { AddIcon, EditIcon, TrashIcon } from "../ui/icons.tsx";
import { useAction } from "../use_action.ts";
import { Sampling } from "./sampling.tsx";
import { useSetting } from "./use_setting.ts";

/** What new conversations begin with, and the presets. */
export function Presets(): JSX.Element {
  const strings = useStrings().settings;
  const [defaults, setDefaults] = useSetting("defaults");
  const presets = useSelector((state) => state.settings.presets);
  const [adding, setAdding] = useState(false);
  return (
    <>
      <h2>{strings.defaults}</h2>
      <Sampling settings={defaults} onChange={(changes) => { setDefaults({ ...defaults, ...(changes as Partial<ConversationSettings>) }); }} />
      <h2>{strings.presetsTitle}</h2>
      <p className="field-note">{strings.presetsIntro}</p>
      {presets.length === 0 ? (
        <p className="quiet">{strings.noPresets}</p>
      ) : (
        <ul className="cards">
          {presets.map((preset) => (
            <PresetCard key={preset.id} preset={preset} presets={presets} />
          ))}
        </ul>
      )}
      <div>
        <Button icon={AddIcon} onClick={() => { setAdding(true); }}>
          {strings.addPreset}
        </Button>
      </div>
      {adding && <PresetForm preset={null} presets={presets} onClose={() => { setAdding(false); }} />}
    </>
  );
}

interface PresetCardProps {
  readonly preset: Preset;
  readonly presets: readonly Preset[];
}

function PresetCard({ preset, presets }: PresetCardProps): JSX.Element {
  const strings = useStrings();
  const words = strings.settings;
  const language = useLanguageCode();
  const act = useAction();
  const [open, setOpen] = useState<"form" | "delete" | null>(null);
  const { system, temperature, topP, maxTokens } = preset.settings;
  const numbers: [string, number | null][] = [
    [strings.conversation.temperature, temperature],
    [strings.conversation.topP, topP],
    [strings.conversation.maxTokens, maxTokens],
  ];
  const facts = numbers.flatMap(([name, value]) => (value === null ? [] : `${name} ${formatRate(value, language)}`));
  return (
    <li className="card">
      <div className="card-head">
        <div className="card-words">
          <h3 dir="auto">{preset.name}</h3>
          <p className="field-note card-prompt" dir="auto">{system ?? words.presetPlain}</p>
          {facts.length > 0 && <p className="field-note">{facts.join(" · ")}</p>}
        </div>
        <div className="section-buttons">
          <IconButton icon={EditIcon} label={words.editOf(preset.name)} onClick={() => { setOpen("form"); }} />
          <IconButton icon={TrashIcon} label={words.deleteOf(preset.name)} onClick={() => { setOpen("delete"); }} />
        </div>
      </div>
      {open === "form" && <PresetForm preset={preset} presets={presets} onClose={() => { setOpen(null); }} />}
      {open === "delete" && (
        <Confirm
          title={words.deletePresetTitle(preset.name)}
          text={words.deletePresetText}
          verb={strings.common.delete}
          onConfirm={() => void act("settings.delete_preset", { id: preset.id })}
          onClose={() => { setOpen(null); }}
        />
      )}
    </li>
  );
}

interface PresetFormProps {
  readonly preset: Preset | null;
  readonly presets: readonly Preset[];
  readonly onClose: () => void;
}

function PresetForm({ preset, presets, onClose }: PresetFormProps): JSX.Element {
  const strings = useStrings();
  const words = strings.settings;
  const act = useAction();
  const form = useId();
  const plain = useSelector((state) => state.settings.defaults);
  const [name, setName] = useState(preset?.name ?? "");
  const [settings, setSettings] = useState<ConversationSettings>(preset?.settings ?? plain);
  const [checked, setChecked] = useState(false);
  const title = name.trim();
  const taken = presets.some((one) => one.name === title && one.id !== preset?.id);
  const bad = isBlank(title) ? words.presetNameEmpty : taken ? words.presetNameTaken(title) : null;
  const save = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    setChecked(true);
    if (bad !== null) return;
    const id = preset?.id ?? newId();
    if ((await act("settings.preset", { preset: { id, name: title, settings: { ...settings, preset: id } } })) !== undefined) onClose();
  };
  return (
    <Dialog
      title={preset === null ? words.addPreset : words.editPreset}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{strings.common.cancel}</Button>
          <Button kind="primary" type="submit" form={form}>
            {strings.common.save}
          </Button>
        </>
      }
    >
      <form id={form} className="stack" noValidate onSubmit={(event) => void save(event)}>
        <TextField label={words.presetName} error={checked ? bad : null} value={name} maxLength={MAX_NAME_CHARS} dir="auto" autoFocus onChange={(event) => { setName(event.target.value); }} />
        <Sampling settings={settings} onChange={(changes) => { setSettings({ ...settings, ...(changes as Partial<ConversationSettings>) }); }} />
      </form>
    </Dialog>
  );
}
