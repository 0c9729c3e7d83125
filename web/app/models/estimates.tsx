import { type Model, useCall } from "@browserllm/react";
import { type JSX, useEffect, useState } from "react";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { formatTimeLeft } from "./words.ts";

/** How long some models take to download together, as far as that is known. */
export function Estimates({ models }: { readonly models: readonly Model[] }): JSX.Element | null {
  const strings = useStrings().models;
  const language = useLanguageCode();
  const call = useCall();
  const ids = models.map(({ id }) => id).join("\n");
  const [known, setKnown] = useState<{ readonly ids: string; readonly seconds: number | null } | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    Promise.all(ids.split("\n").map((model) => call("models.estimate", { model }, { signal: stop.signal }))).then(
      (all) => { setKnown({ ids, seconds: all.some((one) => one === null) ? null : all.reduce<number>((sum, one) => sum + (one ?? 0), 0) }); },
      () => undefined, // Only a help: without it the size is there.
    );
    return () => { stop.abort(); };
  }, [call, ids]);
  return known?.ids === ids && known.seconds !== null ? <span>{strings.estimateOf(formatTimeLeft(known.seconds, language))}</span> : null;
}
