import { BUILTIN_TOOLS, type ConversationSettings, type ConversationSettingsInput, isBlank, MAX_NAME_CHARS, useClient, useSelector } from "@browserllm/react";
import { newId } from "@browserllm/react/ids";
import { type JSX, type KeyboardEvent, useCallback, useRef, useState } from "react";
import { useStrings } from "../strings/index.ts";
import { Button, Dialog, IconButton, Select, Switch, TextArea, TextField } from "../ui/index.ts";
import { TrashIcon } from "../ui/icons.tsx";
import { useToast } from "../ui/toast.tsx";
import { useAction } from "../use_action.ts";
import { readNumber, readSchema, SCHEMA_EXAMPLE } from "./fields.ts";
import "./panel.css";

interface PanelProps {
  readonly conversation: string;
  readonly onClose: () => void;
}

/** The settings of one conversation. Each is kept as soon as it is entered. */
export function ConversationPanel({ conversation, onClose }: PanelProps): JSX.Element {
  const strings = useStrings();
  const words = strings.conversation;
  const settings = useSelector((state) => state.conversations[conversation]?.settings ?? state.settings.defaults);
  const presets = useSelector((state) => state.settings.presets);
  const forced = useSelector((state) => state.settings.neverLeaveDevice || state.settings.mode === "local");
  const change = useChange(conversation);
  const close = (): void => {
    // A field is kept when it is left, and a key or a click beside the dialog closes it before that.
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    onClose();
  };
  return (
    <Dialog
      title={words.title}
      shape="side"
      onClose={close}
      footer={
        <Button kind="primary" onClick={close}>
          {strings.common.done}
        </Button>
      }
    >
      <div className="panel">
        <Presets
          settings={settings}
          presets={presets}
          onUse={(preset) => {
            const chosen = presets.find((one) => one.id === preset);
            change((now) => (chosen ? { ...chosen.settings, private: now.private, preset } : { preset: null }));
          }}
          onSaved={(preset) => { change({ preset }); }}
        />
        <Entered value={settings.system ?? ""} onSave={(system) => { change({ system: system === "" ? null : system }); }}>
          {(props) => <TextArea label={words.system} note={words.systemNote} rows={5} {...props} />}
        </Entered>
        <fieldset className="panel-group">
          <legend>{words.sampling}</legend>
          <NumberField label={words.temperature} note={words.temperatureNote} low={0} high={2} value={settings.temperature} onSave={(temperature) => { change({ temperature }); }} />
          <NumberField label={words.topP} note={words.topPNote} low={0} high={1} value={settings.topP} onSave={(topP) => { change({ topP }); }} />
          <NumberField whole label={words.maxTokens} note={words.maxTokensNote} low={1} high={100_000} value={settings.maxTokens} onSave={(maxTokens) => { change({ maxTokens }); }} />
          <NumberField whole label={words.seed} note={words.seedNote} low={0} high={4_294_967_295} value={settings.seed} onSave={(seed) => { change({ seed }); }} />
          <Select
            label={words.thinking}
            note={words.thinkingNote}
            value={settings.thinking === null ? "" : String(settings.thinking)}
            options={[
              ["", words.fromModel],
              ["true", words.thinkingOn],
              ["false", words.thinkingOff],
            ]}
            onChange={(event) => { change({ thinking: event.target.value === "" ? null : event.target.value === "true" }); }}
          />
        </fieldset>
        <Switch
          label={words.private}
          note={forced ? words.privateForced : words.privateNote}
          checked={forced || settings.private}
          disabled={forced}
          onChange={(checked) => { change({ private: checked }); }}
        />
        <fieldset className="panel-group">
          <legend>{words.tools}</legend>
          <p className="field-note">{settings.schema === null ? words.toolsNote : words.toolsNoSchema}</p>
          {BUILTIN_TOOLS.map((tool) => (
            <Switch
              key={tool}
              label={words.toolNames[tool]}
              checked={settings.tools.includes(tool)}
              disabled={settings.schema !== null}
              onChange={(checked) => {
                change((now) => ({ tools: BUILTIN_TOOLS.filter((one) => (one === tool ? checked : now.tools.includes(one))) }));
              }}
            />
          ))}
        </fieldset>
        <SchemaField schema={settings.schema} tools={settings.tools.length > 0} onSave={(schema) => { change({ schema }); }} />
      </div>
    </Dialog>
  );
}

type Changes = ConversationSettingsInput | ((now: ConversationSettings) => ConversationSettingsInput);

/**
 * Returns the function that changes settings. All of them are sent at once, so a change is made to those that the one
 * before it has sent: two switches in a row are two changes before the state has the first.
 */
function useChange(conversation: string): (changes: Changes) => void {
  const call = useAction();
  const { getState } = useClient();
  const sent = useRef<ConversationSettings | null>(null);
  const waiting = useRef(0);
  return useCallback(
    (changes: Changes) => {
      const state = getState();
      const now = sent.current ?? state.conversations[conversation]?.settings ?? state.settings.defaults;
      const settings = { ...now, ...(typeof changes === "function" ? changes(now) : changes) } as ConversationSettings;
      sent.current = settings;
      waiting.current += 1;
      void call("conversations.update", { id: conversation, settings }).then(() => {
        waiting.current -= 1;
        if (waiting.current === 0) sent.current = null; // what was not accepted is not sent again
      });
    },
    [call, conversation, getState],
  );
}

interface PresetsProps {
  readonly settings: ConversationSettings;
  readonly presets: readonly { readonly id: string; readonly name: string; readonly settings: ConversationSettings }[];
  readonly onUse: (id: string | null) => void;
  /** Called when the settings were saved as a preset: they are its from now on. */
  readonly onSaved: (id: string) => void;
}

function Presets({ settings, presets, onUse, onSaved }: PresetsProps): JSX.Element {
  const words = useStrings().conversation;
  const common = useStrings().common;
  const call = useAction();
  const toast = useToast();
  const [name, setName] = useState<string | null>(null);
  const save = async (): Promise<void> => {
    const title = (name ?? "").trim();
    if (title === "") return;
    const id = presets.find((one) => one.name === title)?.id ?? newId();
    const done = await call("settings.preset", { preset: { id, name: title, settings: { ...settings, preset: id, private: false } } });
    if (done === undefined) return;
    setName(null);
    onSaved(id);
    toast({ text: words.presetSaved(title) });
  };
  return (
    <div className="presets">
      <div className="presets-row">
        <Select
          label={words.preset}
          value={settings.preset ?? ""}
          options={[["", words.noPreset], ...presets.map((one) => [one.id, one.name] as const)]}
          onChange={(event) => { onUse(event.target.value === "" ? null : event.target.value); }}
        />
        {settings.preset !== null && presets.some((one) => one.id === settings.preset) && (
          <IconButton
            icon={TrashIcon}
            label={words.deletePreset}
            onClick={() => {
              const id = settings.preset;
              if (id === null) return;
              onUse(null);
              void call("settings.delete_preset", { id });
            }}
          />
        )}
      </div>
      {name === null ? (
        <Button small onClick={() => { setName(""); }}>
          {words.savePreset}
        </Button>
      ) : (
        <form
          className="presets-row"
          onSubmit={(event) => {
            event.preventDefault();
            void save();
          }}
        >
          <TextField label={words.presetName} value={name} autoFocus maxLength={MAX_NAME_CHARS} onChange={(event) => { setName(event.target.value); }} />
          <Button type="submit" kind="primary" disabled={isBlank(name)}>
            {common.save}
          </Button>
        </form>
      )}
    </div>
  );
}

interface EnteredProps {
  readonly value: string;
  /** Called when the person leaves the field with another value. */
  readonly onSave: (value: string) => void;
  /** Called when the person leaves it as it is kept: what was wrong with another value is over. */
  readonly onUnchanged?: () => void;
  readonly children: (props: {
    readonly value: string;
    readonly onChange: (event: { readonly target: { readonly value: string } }) => void;
    readonly onBlur: () => void;
    readonly onKeyDown: (event: KeyboardEvent<HTMLElement>) => void;
  }) => JSX.Element;
}

/** A field that is kept when it is left, or with Enter in a single line; not with every letter. */
export function Entered({ value, onSave, onUnchanged, children }: EnteredProps): JSX.Element {
  const [text, setText] = useState(value);
  const [edited, setEdited] = useState(false);
  const [known, setKnown] = useState(value);
  if (known !== value) {
    setKnown(value);
    if (!edited) setText(value); // another tab may have changed it, which this field must not undo
  }
  const save = (): void => {
    setEdited(false);
    if (edited && text !== value) onSave(text);
    else onUnchanged?.();
  };
  return children({
    value: text,
    onChange: (event) => {
      setText(event.target.value);
      setEdited(true);
    },
    onBlur: save,
    onKeyDown: (event) => {
      if (event.key === "Enter" && event.target instanceof HTMLInputElement && !event.nativeEvent.isComposing) save();
    },
  });
}

interface NumberFieldProps {
  readonly label: string;
  readonly note: string;
  readonly low: number;
  readonly high: number;
  readonly whole?: boolean;
  readonly value: number | null;
  readonly onSave: (value: number | null) => void;
}

export function NumberField({ label, note, low, high, whole = false, value, onSave }: NumberFieldProps): JSX.Element {
  const words = useStrings().conversation;
  const [error, setError] = useState<string | null>(null);
  return (
    <Entered
      value={value === null ? "" : String(value)}
      onSave={(text) => {
        const read = readNumber(text, low, high, whole);
        setError(read === undefined ? words.outOfRange(low, high) : null);
        if (read !== undefined) onSave(read);
      }}
      onUnchanged={() => { setError(null); }}
    >
      {(props) => <TextField label={label} note={note} error={error} inputMode={whole ? "numeric" : "decimal"} placeholder={words.fromModel} {...props} />}
    </Entered>
  );
}

interface SchemaFieldProps {
  readonly schema: ConversationSettings["schema"];
  /** Whether the conversation uses tools, which exclude a schema. */
  readonly tools: boolean;
  readonly onSave: (schema: Record<string, unknown> | null) => void;
}

function SchemaField({ schema, tools, onSave }: SchemaFieldProps): JSX.Element {
  const words = useStrings().conversation;
  const [error, setError] = useState<string | null>(null);
  const shown = schema === null ? "" : JSON.stringify(schema, null, 2);
  const save = (text: string): void => {
    const read = readSchema(text);
    setError(typeof read === "string" ? words.schemaBad(read) : null);
    if (typeof read !== "string") onSave(read);
  };
  return (
    <div className="panel-group">
      <Entered value={shown} onSave={save} onUnchanged={() => { setError(null); }}>
        {(props) => <TextArea label={words.schema} note={tools ? words.schemaNoTools : words.schemaNote} error={error} rows={6} spellCheck={false} disabled={tools} {...props} />}
      </Entered>
      {schema === null && !tools && (
        <Button small onClick={() => { save(SCHEMA_EXAMPLE); }}>
          {words.schemaExample}
        </Button>
      )}
    </div>
  );
}
