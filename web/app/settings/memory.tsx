import type { JSX } from "react";
import { useState } from "react";
import { StorageMeter } from "../models/storage_meter.tsx";
import { Entered } from "../panel/panel.tsx";
import { readNumber } from "../panel/fields.ts";
import { formatDuration } from "../format.ts";
import { hashOf } from "../router.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { Select, Switch, TextField } from "../ui/index.ts";
import { useSetting } from "./use_setting.ts";
import "../models/models.css";

const GB = 1e9;
const KEEP_ALIVE_S: readonly number[] = [60, 300, 900, 1800, 3600];

/** How long models stay in memory, and how much storage they may take. */
export function Memory(): JSX.Element {
  const strings = useStrings().settings;
  const language = useLanguageCode();
  const [keepAlive, setKeepAlive] = useSetting("keepAliveS");
  const [freeHidden, setFreeHidden] = useSetting("freeHiddenS");
  const [pressure, setPressure] = useSetting("freeUnderPressure");
  const [budget, setBudget] = useSetting("storageBudgetBytes");
  const [error, setError] = useState<string | null>(null);
  const times = (chosen: number | null) =>
    [...new Set([...KEEP_ALIVE_S, ...(chosen === null ? [] : [chosen])])]
      .sort((a, b) => a - b)
      .map((s) => [String(s), strings.keepAliveAfter(formatDuration(s * 1000, language))] as const);
  return (
    <>
      <Select
        label={strings.keepAlive}
        note={strings.keepAliveNote}
        value={keepAlive === null ? "" : String(keepAlive)}
        options={[["", strings.keepAliveNever], ...times(keepAlive)]}
        onChange={(event) => { setKeepAlive(event.target.value === "" ? null : Number(event.target.value)); }}
      />
      <Select
        label={strings.freeHidden}
        note={strings.freeHiddenNote}
        value={freeHidden === null ? "" : String(freeHidden)}
        options={[["", strings.keepAliveNever], ...times(freeHidden)]}
        onChange={(event) => { setFreeHidden(event.target.value === "" ? null : Number(event.target.value)); }}
      />
      <Switch label={strings.pressure} note={strings.pressureNote} checked={pressure} onChange={setPressure} />
      <Entered
        value={budget === null ? "" : String(budget / GB)}
        onSave={(text) => {
          const read = readNumber(text, 0.001, 1_000_000, false);
          setError(read === undefined ? strings.budgetBad : null);
          if (read !== undefined) setBudget(read === null ? null : read * GB);
        }}
      >
        {(props) => <TextField label={strings.budget} note={strings.budgetNote} error={error} inputMode="decimal" {...props} />}
      </Entered>
      <StorageMeter />
      <p>
        <a href={hashOf("models")}>{strings.manage}</a>
      </p>
    </>
  );
}
