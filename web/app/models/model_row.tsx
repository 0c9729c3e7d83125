import type { Model } from "@browserllm/react";
import { type JSX, memo, useEffect, useId, useRef, useState } from "react";
import { ErrorPanel } from "../error_panel.tsx";
import { asSentence, formatPercent } from "../format.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { Badge, Button, Milestones, Progress } from "../ui/index.ts";
import { ChevronDownIcon, DownloadIcon } from "../ui/icons.tsx";
import { useOnScreen } from "../ui/use_on_screen.ts";
import { sentence, useAction } from "../use_action.ts";
import { DownloadLine } from "./download_line.tsx";
import { FitBadge, PlaceBadge, TierBadge } from "./model_badges.tsx";
import { ModelDetails } from "./model_details.tsx";
import { useEstimate } from "./use_estimate.ts";
import { type ModelWork, useModelWork } from "./use_model_work.ts";
import { factsOf, formatTimeLeft, sizeOf } from "./words.ts";

interface ModelRowProps {
  readonly model: Model;
  /** Whether the address names this model: its details are open, and it is scrolled to. */
  readonly named: boolean;
}

/** A model of the list: what it is, whether it fits, and the next thing to do with it. */
export const ModelRow = memo(function ModelRow({ model, named }: ModelRowProps): JSX.Element {
  const strings = useStrings().models;
  const language = useLanguageCode();
  const row = useRef<HTMLLIElement>(null);
  const id = useId();
  const [open, setOpen] = useState(named);
  const work = useModelWork(model.id);
  const { download, loading, loaded } = work;
  useEffect(() => {
    if (named) row.current?.scrollIntoView({ block: "center" });
  }, [named]);
  const size = sizeOf(model, strings, language);
  return (
    <li ref={row} className={model.fit === "no" ? "model model-unfit" : "model"} aria-labelledby={`${id}-name`}>
      <div className="model-main">
        <div className="model-words">
          <h4 id={`${id}-name`} dir="auto">
            {model.name}
          </h4>
          <div className="model-badges">
            {model.tier && <TierBadge tier={model.tier} />}
            <FitBadge model={model} />
            <PlaceBadge model={model} loaded={loaded} />
            {model.custom && <Badge>{strings.custom}</Badge>}
          </div>
          <p className="model-facts">{factsOf(model, strings, language).join(" · ")}</p>
          {model.fit !== "good" && model.reasons[0] !== undefined && <p className="model-reason">{language === "en" ? asSentence(model.reasons[0]) : strings.fitNotes[model.fit]}</p>}
        </div>
        <div className="model-next">
          <p className="model-size">
            {size}
            {!model.downloaded && !download && model.fit !== "no" && model.downloadBytes !== null && <Estimate model={model.id} row={row} />}
          </p>
          <NextStep model={model} work={work} />
        </div>
      </div>
      {download && <DownloadLine download={download} name={model.name} />}
      {loading && !download && (
        <div className="download-line">
          <div className="download-bar">
            <Progress value={loading.fraction} label={strings.loading(model.name)} />
            <p className="download-facts">{language !== "en" || loading.text === "" ? strings.loading(model.name) : sentence(loading.text)}</p>
          </div>
          <Milestones value={loading.fraction} say={(share) => `${strings.loading(model.name)}: ${formatPercent(share, language)}`} />
        </div>
      )}
      {work.work.error && <ErrorPanel error={work.work.error} run={{ retry: () => { work.load(); } }} />}
      <button type="button" className="model-toggle" aria-expanded={open} aria-controls={`${id}-details`} aria-label={strings.detailsOf(model.name)} onClick={() => { setOpen(!open); }}>
        {strings.details}
        <ChevronDownIcon size={16} />
      </button>
      <div id={`${id}-details`} hidden={!open}>
        {open && <ModelDetails model={model} work={work} />}
      </div>
    </li>
  );
});

/** The one button that brings the model further. */
function NextStep({ model, work }: { readonly model: Model; readonly work: ModelWork }): JSX.Element | null {
  const strings = useStrings().models;
  const act = useAction();
  if (work.work.running) {
    return (
      <Button small aria-label={`${strings.stopLoading}: ${model.name}`} onClick={work.work.stop}>
        {strings.stopLoading}
      </Button>
    );
  }
  if (work.download || work.loading) return null;
  if (work.loaded) {
    return (
      <Button small aria-label={strings.unloadOf(model.name)} onClick={() => void act("models.unload", { model: model.id })}>
        {strings.unload}
      </Button>
    );
  }
  if (model.fit === "no") return null;
  if (model.downloaded || model.downloadBytes === null) {
    return (
      <Button small aria-label={strings.loadOf(model.name)} onClick={() => { work.load(); }}>
        {strings.load}
      </Button>
    );
  }
  return (
    <Button small icon={DownloadIcon} aria-label={strings.downloadOf(model.name)} onClick={() => void act("models.download", { model: model.id })}>
      {strings.download}
    </Button>
  );
}

/** The time that a download would take, asked for when the model comes to be seen. */
function Estimate({ model, row }: { readonly model: string; readonly row: React.RefObject<Element | null> }): JSX.Element {
  const strings = useStrings().models;
  const language = useLanguageCode();
  const estimate = useEstimate(model, useOnScreen(row));
  return (
    <span className="model-estimate">
      {estimate === undefined ? strings.estimating : estimate === null ? strings.estimateUnknown : strings.estimate(formatTimeLeft(estimate, language))}
    </span>
  );
}
