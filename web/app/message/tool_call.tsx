import type { ToolPart } from "@browserllm/react";
import { type JSX, useState } from "react";
import { useStrings } from "../strings/index.ts";
import { Badge, Button, TextArea } from "../ui/index.ts";
import { ChevronRightIcon, ToolIcon } from "../ui/icons.tsx";
import { sentence, useAction } from "../use_action.ts";

const TONES = {
  "input-streaming": "plain",
  "input-available": "plain",
  "approval-requested": "warn",
  "output-available": "good",
  "output-error": "bad",
  "output-denied": "warn",
} as const;

/** A tool call: folded to its name and state, with arguments and result inside; open while it waits for a decision. */
export function ToolCall({ part }: { readonly part: ToolPart }): JSX.Element {
  const { chat: strings, conversation } = useStrings();
  const name = (conversation.toolNames as Partial<Record<string, string>>)[part.toolName];
  const [open, setOpen] = useState(false);
  const waits = part.state === "approval-requested" && part.approvalId !== null;
  return (
    <div className={waits ? "tool tool-waits" : "tool"}>
      <details
        open={open}
        onToggle={(event) => {
          setOpen(event.currentTarget.open);
        }}
      >
        <summary>
          <ChevronRightIcon size={16} />
          <ToolIcon size={16} />
          <span className="tool-name">{name ?? <code>{part.toolName}</code>}</span>
          <Badge tone={TONES[part.state]}>{strings.toolStates[part.state]}</Badge>
        </summary>
        {open && (
          <div className="tool-inside">
            <Json label={strings.arguments} value={part.input} />
            {part.output !== null && <Json label={strings.result} value={part.output} />}
          </div>
        )}
      </details>
      {part.errorText !== null && (
        <p className={part.state === "output-denied" ? "tool-denied" : "tool-error"} dir="auto">
          {sentence(part.errorText)}
        </p>
      )}
      {waits && <Decision key={part.approvalId} id={part.approvalId} name={name ?? part.toolName} given={part.input} />}
    </div>
  );
}

function Json({ label, value }: { readonly label: string; readonly value: unknown }): JSX.Element {
  return (
    <div>
      <span className="quiet small">{label}</span>
      <pre className="tool-json" tabIndex={0}>
        {typeof value === "string" ? value : JSON.stringify(value, null, 2)}
      </pre>
    </div>
  );
}

interface DecisionProps {
  readonly id: string;
  readonly name: string;
  readonly given: unknown;
}

/** Asks the person whether the call may run, and lets them change its arguments first. */
function Decision({ id, name, given }: DecisionProps): JSX.Element {
  const strings = useStrings().chat;
  const call = useAction();
  const [edited, setEdited] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [decided, setDecided] = useState(false);
  const decide = async (approve: boolean): Promise<void> => {
    let changed: Record<string, unknown> | null = null;
    if (approve && edited !== null) {
      const read = readArguments(edited, strings);
      if (typeof read === "string") {
        setError(read);
        return;
      }
      changed = read;
    }
    setDecided(true);
    const done = await call("chat.approve", { id, approve, arguments: changed });
    if (done === undefined) setDecided(false);
  };
  return (
    <div className="tool-decision">
      <p>{strings.approvalText(name)}</p>
      {edited === null ? (
        <pre className="tool-json" tabIndex={0}>
          {JSON.stringify(given, null, 2)}
        </pre>
      ) : (
        <TextArea
          label={strings.argumentsLabel}
          value={edited}
          error={error}
          spellCheck={false}
          autoFocus
          onChange={(event) => {
            setEdited(event.target.value);
            setError(null);
          }}
        />
      )}
      <div className="tool-buttons">
        <Button small kind="primary" disabled={decided} onClick={() => void decide(true)}>
          {strings.approve}
        </Button>
        <Button small disabled={decided} onClick={() => void decide(false)}>
          {strings.deny}
        </Button>
        {edited === null && (
          <Button
            small
            kind="quiet"
            disabled={decided}
            onClick={() => {
              setEdited(JSON.stringify(given, null, 2));
            }}
          >
            {strings.editArguments}
          </Button>
        )}
      </div>
    </div>
  );
}

function readArguments(text: string, strings: { readonly badJson: (reason: string) => string; readonly notAnObject: string }): Record<string, unknown> | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return strings.badJson(error instanceof Error ? error.message : String(error));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return strings.notAnObject;
  return value as Record<string, unknown>;
}
