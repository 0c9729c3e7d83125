import { type JSX, useState } from "react";
import { useStrings } from "../strings/index.ts";
import { Button } from "../ui/index.ts";
import { CopyButton } from "./copy_button.tsx";

const FIRST_SHOWN = 100;
const OPEN_LEVELS = 3;

interface ObjectTreeProps {
  readonly value: unknown;
  readonly streaming: boolean;
}

/** Structured output as a tree whose branches fold. */
export function ObjectTree({ value, streaming }: ObjectTreeProps): JSX.Element {
  const strings = useStrings().chat;
  return (
    <div className="object" aria-busy={streaming}>
      <div className="object-head">
        <span>{strings.object}</span>
        <CopyButton text={() => JSON.stringify(value, null, 2)} />
      </div>
      <div className="object-body">
        <Value value={value} level={0} />
      </div>
    </div>
  );
}

interface ValueProps {
  readonly name?: string;
  readonly value: unknown;
  readonly level: number;
}

function Value({ name, value, level }: ValueProps): JSX.Element {
  const label = name === undefined ? null : <span className="object-name">{name}</span>;
  if (typeof value !== "object" || value === null) {
    return (
      <div className="object-row">
        {label}
        <span className={`object-value object-${value === null ? "null" : typeof value}`} dir="auto">
          {typeof value === "string" ? value : String(value)}
        </span>
      </div>
    );
  }
  return <Branch {...(name === undefined ? {} : { name })} value={value} level={level} />;
}

function Branch({ name, value, level }: ValueProps & { readonly value: object }): JSX.Element {
  const strings = useStrings().chat;
  const [open, setOpen] = useState(level < OPEN_LEVELS);
  const [all, setAll] = useState(false);
  const entries = Object.entries(value);
  const isList = Array.isArray(value);
  const shown = all ? entries : entries.slice(0, FIRST_SHOWN);
  const children = (
    <div className="object-children">
      {entries.length === 0 && <span className="quiet">{strings.objectEmpty}</span>}
      {shown.map(([key, child]) => (
        <Value key={key} name={isList ? String(Number(key) + 1) : key} value={child as unknown} level={level + 1} />
      ))}
      {shown.length < entries.length && (
        <Button
          small
          onClick={() => {
            setAll(true);
          }}
        >
          {strings.showAll(entries.length)}
        </Button>
      )}
    </div>
  );
  if (name === undefined) return children;
  return (
    <details
      className="object-branch"
      open={open}
      onToggle={(event) => {
        event.stopPropagation();
        setOpen(event.currentTarget.open);
      }}
    >
      <summary>
        <span className="object-name">{name}</span> <span className="quiet small">{isList ? `[${entries.length}]` : `{${entries.length}}`}</span>
      </summary>
      {open && children}
    </details>
  );
}
