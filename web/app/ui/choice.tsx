import { type JSX, type ReactNode, useId } from "react";

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly { readonly value: T; readonly label: string; readonly note?: ReactNode }[];
  readonly disabled?: boolean;
  readonly onChange: (value: T) => void;
}

/** One of a few values, each with a word about what it means. */
export function Choice<T extends string>({ label, value, options, disabled = false, onChange }: ChoiceProps<T>): JSX.Element {
  const name = useId();
  return (
    <fieldset className="choice" disabled={disabled}>
      <legend className="field-label">{label}</legend>
      {options.map((option) => (
        <div key={option.value} className="choice-row">
          <input
            type="radio"
            id={`${name}-${option.value}`}
            name={name}
            className="radio"
            checked={option.value === value}
            aria-describedby={option.note === undefined ? undefined : `${name}-${option.value}-about`}
            onChange={() => { onChange(option.value); }}
          />
          <div>
            <label htmlFor={`${name}-${option.value}`}>{option.label}</label>
            {option.note !== undefined && (
              <p id={`${name}-${option.value}-about`} className="field-note">
                {option.note}
              </p>
            )}
          </div>
        </div>
      ))}
    </fieldset>
  );
}
