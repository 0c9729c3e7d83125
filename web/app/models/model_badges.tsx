import type { Loaded, Model } from "@browserllm/react";
import type { JSX } from "react";
import { asSentence } from "../format.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { Badge } from "../ui/index.ts";
import { CheckIcon, WarningIcon } from "../ui/icons.tsx";
import { useEngineName } from "./use_engine_name.ts";
import { deviceName } from "./words.ts";

/** Whether this device runs a model, with the reasons in the tooltip. */
export function FitBadge({ model }: { readonly model: Model }): JSX.Element {
  const strings = useStrings().models;
  const language = useLanguageCode();
  const why = model.reasons.length > 0 && language === "en" ? model.reasons.map(asSentence).join("\n") : strings.fitNotes[model.fit];
  if (model.fit === "good") return <Badge tone="good" icon={CheckIcon} title={why}>{strings.fits.good}</Badge>;
  return (
    <Badge tone={model.fit === "tight" ? "warn" : "plain"} icon={WarningIcon} title={why}>
      {strings.fits[model.fit]}
    </Badge>
  );
}

/** Quick, Smart or Genius. */
export function TierBadge({ tier }: { readonly tier: NonNullable<Model["tier"]> }): JSX.Element {
  const strings = useStrings().models;
  return (
    <Badge tone="accent" title={strings.tierNotes[tier]}>
      {strings.tiers[tier]}
    </Badge>
  );
}

interface PlaceBadgeProps {
  readonly model: Model;
  readonly loaded: Loaded | null;
}

/** Where a model is: in memory, on the device, or neither. */
export function PlaceBadge({ model, loaded }: PlaceBadgeProps): JSX.Element | null {
  const strings = useStrings().models;
  const engineName = useEngineName();
  if (loaded) {
    return (
      <Badge tone="accent" title={strings.inMemoryNote(engineName(loaded.engine), deviceName(loaded.device, strings))}>
        {strings.inMemory}
      </Badge>
    );
  }
  return model.downloaded ? <Badge>{strings.downloaded}</Badge> : null;
}
