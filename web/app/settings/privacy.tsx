import { useSelector } from "@browserllm/react";
import type { JSX } from "react";
import { comparable } from "../compare/sides.ts";
import { useStrings } from "../strings/index.ts";
import { Choice, Field, Switch } from "../ui/index.ts";
import { useSetting } from "./use_setting.ts";

const MODES = ["auto", "local", "cloud"] as const;
const POLICIES = ["local_first", "cloud_first", "least_cost", "least_latency"] as const;

/** What may answer, and in which order. */
export function Privacy(): JSX.Element {
  const strings = useStrings().settings;
  const [never, setNever] = useSetting("neverLeaveDevice");
  const [mode, setMode] = useSetting("mode");
  const [policy, setPolicy] = useSetting("policy");
  return (
    <>
      <Switch label={strings.never} note={never ? strings.neverOn : strings.neverOff} checked={never} onChange={setNever} />
      <DefaultModel />
      {never && <p className="settings-note">{strings.neverForced}</p>}
      <Choice label={strings.mode} value={mode} options={MODES.map((value) => ({ value, label: strings.modes[value], note: strings.modeNotes[value] }))} disabled={never} onChange={setMode} />
      <Choice
        label={strings.policy}
        value={policy}
        options={POLICIES.map((value) => ({ value, label: strings.policies[value], note: strings.policyNotes[value] }))}
        disabled={never || mode !== "auto"}
        onChange={setPolicy}
      />
      {!never && mode !== "auto" && <p className="field-note">{strings.policyOnlyAuto}</p>}
    </>
  );
}

function DefaultModel(): JSX.Element {
  const strings = useStrings();
  const words = strings.settings;
  const models = useSelector((state) => state.models);
  const clouds = useSelector((state) => state.clouds);
  const [model, setModel] = useSetting("model");
  const groups = [
    { name: strings.models.downloaded, all: comparable(models).filter((one) => one.downloaded).map(({ id, name }) => [id, name] as const) },
    { name: strings.models.download, all: comparable(models).filter((one) => !one.downloaded && (one.tier !== null || one.id === model)).map(({ id, name }) => [id, name] as const) },
    { name: words.clouds, all: Object.values(clouds).map(({ id, label }) => [`cloud:${id}`, label] as const) },
  ];
  const known = model === null || groups.some((group) => group.all.some(([id]) => id === model));
  return (
    <Field label={words.model} note={words.modelNote}>
      {(ids) => (
        <select {...ids} className="control" value={model ?? ""} onChange={(event) => { setModel(event.target.value === "" ? null : event.target.value); }}>
          <option value="">{words.modelAuto}</option>
          {!known && <option value={model}>{model}</option>}
          {groups
            .filter((group) => group.all.length > 0)
            .map((group) => (
              <optgroup key={group.name} label={group.name}>
                {group.all.map(([id, name]) => (
                  <option key={id} value={id}>
                    {name}
                  </option>
                ))}
              </optgroup>
            ))}
        </select>
      )}
    </Field>
  );
}
