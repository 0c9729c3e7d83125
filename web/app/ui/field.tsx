/** Controls of forms, each with its label, an optional note below it, and an error that says what to do. */

import { type ComponentPropsWithRef, type JSX, type ReactNode, useId } from "react";
import { focused } from "./focused.ts";

interface About {
  readonly label: string;
  readonly note?: ReactNode;
  readonly error?: string | null | undefined;
}

interface FieldProps extends About {
  /** Draws the control; it takes the ids so that the label, the note and the error belong to it. */
  readonly children: (ids: { readonly id: string; readonly "aria-describedby": string | undefined; readonly "aria-invalid": boolean | undefined }) => ReactNode;
}

/** A label above a control. */
export function Field({ label, note, error, children }: FieldProps): JSX.Element {
  const id = useId();
  const wrong = error !== undefined && error !== null;
  const described = note !== undefined || wrong;
  return (
    <div className="field">
      <label className="field-label" htmlFor={id}>
        {label}
      </label>
      {children({ id, "aria-describedby": described ? `${id}-about` : undefined, "aria-invalid": wrong ? true : undefined })}
      {described && (
        <p id={`${id}-about`} className={wrong ? "field-note field-error" : "field-note"}>
          {wrong ? error : note}
        </p>
      )}
    </div>
  );
}

type Control<T extends "input" | "textarea" | "select"> = Omit<ComponentPropsWithRef<T>, "id" | "className"> & About;

/** A line of text, or a number. */
export function TextField({ label, note, error, autoFocus, ...rest }: Control<"input">): JSX.Element {
  return (
    <Field label={label} note={note} error={error}>
      {(ids) => <input type="text" {...focused(autoFocus)} {...rest} {...ids} className="control" />}
    </Field>
  );
}

/** Several lines of text. */
export function TextArea({ label, note, error, autoFocus, ...rest }: Control<"textarea">): JSX.Element {
  return (
    <Field label={label} note={note} error={error}>
      {(ids) => <textarea rows={4} dir="auto" {...focused(autoFocus)} {...rest} {...ids} className="control control-text" />}
    </Field>
  );
}

interface SelectProps extends Control<"select"> {
  readonly options: readonly (readonly [value: string, label: string])[];
}

/** One of several values. */
export function Select({ label, note, error, options, ...rest }: SelectProps): JSX.Element {
  return (
    <Field label={label} note={note} error={error}>
      {(ids) => (
        <select {...rest} {...ids} className="control">
          {options.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface SwitchProps {
  readonly label: string;
  readonly note?: ReactNode;
  readonly checked: boolean;
  readonly disabled?: boolean;
  readonly onChange: (checked: boolean) => void;
}

/** On or off, at once. */
export function Switch({ label, note, checked, disabled = false, onChange }: SwitchProps): JSX.Element {
  const id = useId();
  return (
    <div className="switch-row">
      <div className="switch-words">
        <label className="field-label" htmlFor={id}>
          {label}
        </label>
        {note !== undefined && (
          <p id={`${id}-about`} className="field-note">
            {note}
          </p>
        )}
      </div>
      <input
        id={id}
        type="checkbox"
        role="switch"
        className="switch"
        checked={checked}
        disabled={disabled}
        aria-describedby={note === undefined ? undefined : `${id}-about`}
        onChange={(event) => { onChange(event.target.checked); }}
      />
    </div>
  );
}
