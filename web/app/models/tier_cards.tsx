import { type Model, useSelector } from "@browserllm/react";
import { type JSX, useRef } from "react";
import { asSentence, formatBytes } from "../format.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { Badge, Button } from "../ui/index.ts";
import { CheckIcon, DownloadIcon } from "../ui/icons.tsx";
import { useOnScreen } from "../ui/use_on_screen.ts";
import { useAction } from "../use_action.ts";
import { DownloadLine } from "./download_line.tsx";
import { FitBadge } from "./model_badges.tsx";
import { useEstimate } from "./use_estimate.ts";
import { formatTimeLeft } from "./words.ts";

const TIERS = ["quick", "smart", "genius"] as const;

/** The models that are recommended for this device: Quick, Smart, Genius, as far as there are any beside the built-in one. */
export function useTiers(): readonly Model[] {
  const models = useSelector((state) => state.models);
  return TIERS.flatMap((tier) => Object.values(models).filter((model) => model.tier === tier && !model.bundled));
}

/** Recommended models, each one click away. */
export function TierCards({ models }: { readonly models: readonly Model[] }): JSX.Element {
  return (
    <ul className="tiers">
      {models.map((model) => (
        <TierCard key={model.id} model={model} />
      ))}
    </ul>
  );
}

function TierCard({ model }: { readonly model: Model }): JSX.Element {
  const strings = useStrings().models;
  const language = useLanguageCode();
  const card = useRef<HTMLLIElement>(null);
  const act = useAction();
  const download = useSelector((state) => state.downloads[model.id] ?? null);
  const inUse = useSelector((state) => state.settings.model === model.id);
  const online = useSelector((state) => state.device?.online !== false);
  const seen = useOnScreen(card);
  const open = !model.downloaded && download === null;
  const estimate = useEstimate(model.id, seen && open && model.downloadBytes !== null);
  const tier = model.tier ?? "smart";
  const use = (): void => {
    void act("settings.update", { changes: { model: model.id } });
  };
  return (
    <li ref={card} className="tier">
      <div className="tier-head">
        <h3>{strings.tiers[tier]}</h3>
        <FitBadge model={model} />
      </div>
      <p className="tier-note">{strings.tierNotes[tier]}</p>
      <p className="tier-name" dir="auto">{model.name}</p>
      <p className="model-facts">
        {[model.downloadBytes === null ? null : strings.downloadSize(formatBytes(model.downloadBytes, language)), model.memoryBytes === null ? null : strings.memory(formatBytes(model.memoryBytes, language))]
          .filter((text) => text !== null)
          .join(" · ")}
      </p>
      {open && estimate !== undefined && <p className="model-facts">{estimate === null ? strings.estimateUnknown : strings.estimate(formatTimeLeft(estimate, language))}</p>}
      {model.fit !== "good" && model.reasons[0] !== undefined && <p className="model-reason">{language === "en" ? asSentence(model.reasons[0]) : strings.fitNotes[model.fit]}</p>}
      <div className="tier-next">
        {download ? (
          <DownloadLine download={download} name={model.name} />
        ) : model.downloaded ? (
          <>
            <Badge tone="good" icon={CheckIcon}>{strings.downloaded}</Badge>
            {inUse ? <span className="small quiet">{strings.inUse}</span> : <Button small onClick={use}>{strings.use}</Button>}
          </>
        ) : (
          <Button
            icon={DownloadIcon}
            kind={tier === "smart" ? "primary" : "plain"}
            disabled={!online || model.fit === "no"}
            aria-label={strings.downloadOf(model.name)}
            onClick={() => {
              use();
              void act("models.download", { model: model.id });
            }}
          >
            {strings.download}
          </Button>
        )}
      </div>
    </li>
  );
}
