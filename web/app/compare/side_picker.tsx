import type { Model } from "@browserllm/react";
import type { JSX } from "react";
import { useEngineName } from "../models/use_engine_name.ts";
import { deviceName } from "../models/words.ts";
import { useStrings } from "../strings/index.ts";
import { Field, IconButton, Select } from "../ui/index.ts";
import { CloseIcon } from "../ui/icons.tsx";
import { placesOf, type Side, whereOf } from "./sides.ts";

interface SidePickerProps {
  readonly number: number;
  readonly side: Side;
  readonly choices: readonly Model[];
  readonly onChange: (side: Side) => void;
  readonly onRemove: (() => void) | null;
}

/** Chooses the model of a side, and where it runs. */
export function SidePicker({ number, side, choices, onChange, onRemove }: SidePickerProps): JSX.Element {
  const strings = useStrings();
  const words = strings.compare;
  const engineName = useEngineName();
  const places = placesOf(choices.find((model) => model.id === side.model));
  const groups = [
    { name: strings.models.downloaded, models: choices.filter((model) => model.downloaded) },
    { name: strings.models.download, models: choices.filter((model) => !model.downloaded) },
  ];
  return (
    <li className="side">
      <div className="side-model">
        <Field label={words.side(number)}>
          {(ids) => (
            <select {...ids} className="control" value={side.model} onChange={(event) => { onChange({ model: event.target.value, where: "" }); }}>
              {groups
                .filter((group) => group.models.length > 0)
                .map((group) => (
                  <optgroup key={group.name} label={group.name}>
                    {group.models.map((model) => (
                      <option key={model.id} value={model.id}>
                        {model.name}
                      </option>
                    ))}
                  </optgroup>
                ))}
            </select>
          )}
        </Field>
        {onRemove && <IconButton icon={CloseIcon} label={words.removeSide(number)} onClick={onRemove} />}
      </div>
      <Select
        label={words.where(number)}
        value={side.where}
        options={[["", words.automatic], ...places.map((build) => [whereOf(build), `${engineName(build.engine)}, ${deviceName(build.device, strings.models)}`] as const)]}
        onChange={(event) => { onChange({ ...side, where: event.target.value }); }}
      />
    </li>
  );
}
