import { type AnswerInfo, type HopInfo, useSelector } from "@browserllm/react";
import { type JSX, useId, useState } from "react";
import { formatCost, formatCount, formatDuration, formatRate } from "../format.ts";
import { FromPython } from "../from_python.tsx";
import { useEngineName } from "../models/use_engine_name.ts";
import { isSoftware } from "../software.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { Badge } from "../ui/index.ts";
import { ChevronRightIcon, CloudIcon, DeviceIcon } from "../ui/icons.tsx";
import { sentence } from "../use_action.ts";

/** Who gave an answer and what it took, in a line; more of it, and who was passed over, inside. */
export function AnswerLine({ answer }: { readonly answer: AnswerInfo }): JSX.Element {
  const strings = useStrings().chat;
  const language = useLanguageCode();
  const local = answer.where === "local";
  const model = useSelector((state) => (answer.model === null ? answer.backend : (state.models[answer.model]?.name ?? answer.model)));
  const clouds = useSelector((state) => state.clouds);
  const { hops, warnings } = answer;
  const engineName = useEngineName();
  const id = useId();
  const [open, setOpen] = useState(false);
  // What the settings exclude is as the person wants it, and no news under each answer.
  const failed = hops.filter((hop) => !hop.wanted).length;
  const facts = [
    answer.engine === null ? null : answer.device === null ? engineName(answer.engine) : strings.engineOn(engineName(answer.engine), isSoftware(answer.adapter) ? strings.softwareGpu : (strings.devices[answer.device] ?? answer.device)),
    answer.adapter,
    answer.firstTokenMs === null ? null : strings.firstToken(formatDuration(answer.firstTokenMs, language)),
    strings.tokens(formatCount(answer.promptTokens, language), formatCount(answer.completionTokens, language)),
    answer.cachedTokens > 0 ? strings.cached(formatCount(answer.cachedTokens, language)) : null,
    answer.durationMs === null ? null : strings.duration(formatDuration(answer.durationMs, language)),
    answer.costUsd === null ? (local ? null : strings.costUnknown) : answer.costUsd === 0 ? strings.free : strings.cost(formatCost(answer.costUsd, language)),
  ].filter((fact) => fact !== null);
  return (
    <>
      <button type="button" className="answer-line" aria-expanded={open} aria-controls={open ? id : undefined} onClick={() => { setOpen(!open); }}>
        <span className="visually-hidden">{strings.details}</span>
        <Badge tone={local ? "accent" : "warn"} icon={local ? DeviceIcon : CloudIcon} title={local ? strings.localNote : strings.cloudNote(answer.backend)}>
          {local ? strings.local : strings.cloud}
        </Badge>
        <span className="answer-model">{model}</span>
        {answer.tokensPerS !== null && answer.completionTokens > 0 && <span className="answer-speed">{strings.speed(formatRate(answer.tokensPerS, language))}</span>}
        {failed > 0 && (
          <Badge tone="warn">
            {strings.hops}: {failed}
          </Badge>
        )}
        <ChevronRightIcon size={14} />
      </button>
      {open && (
        <div id={id} className="answer-facts">
          <p>{sentence(facts.join(" · "))}</p>
          {hops.length > 0 && <Reasons title={strings.hops} lines={hops.map((hop) => hopLine(hop, hop.backend === "local" ? strings.local : clouds[hop.backend?.slice("cloud:".length) ?? ""]?.label))} />}
          {warnings.length > 0 && <Reasons title={strings.warnings} lines={warnings.map(sentence)} />}
        </div>
      )}
    </>
  );
}

function Reasons({ title, lines }: { readonly title: string; readonly lines: readonly string[] }): JSX.Element {
  return (
    <div>
      <strong>{title}</strong>
      <ul>
        {lines.map((line, index) => (
          <li key={index} dir="auto">
            <FromPython>{line}</FromPython>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** `name` is what the app calls the backend. */
function hopLine(hop: HopInfo, name: string | undefined): string {
  const who = [name ?? hop.backend, hop.model, hop.engine, hop.device].filter((name) => name !== null).join(" / ");
  return who === "" ? sentence(hop.reason) : `${who}: ${hop.reason}`;
}
