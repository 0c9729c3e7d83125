import { type AnswerInfo, type HopInfo, useSelector } from "@browserllm/react";
import type { JSX } from "react";
import { formatCost, formatCount, formatDuration, formatRate } from "../format.ts";
import { FromPython } from "../from_python.tsx";
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
  const { hops, warnings } = answer;
  const facts = [
    answer.engine === null ? null : answer.device === null ? answer.engine : strings.engineOn(answer.engine, strings.devices[answer.device] ?? answer.device),
    answer.adapter,
    answer.firstTokenMs === null ? null : strings.firstToken(formatDuration(answer.firstTokenMs, language)),
    strings.tokens(formatCount(answer.promptTokens, language), formatCount(answer.completionTokens, language)),
    answer.cachedTokens > 0 ? strings.cached(formatCount(answer.cachedTokens, language)) : null,
    answer.durationMs === null ? null : strings.duration(formatDuration(answer.durationMs, language)),
    answer.costUsd === null ? null : answer.costUsd === 0 ? strings.free : strings.cost(formatCost(answer.costUsd, language)),
  ].filter((fact) => fact !== null);
  return (
    <details className="answer-line">
      <summary>
        <span className="visually-hidden">{strings.details}</span>
        <Badge tone={local ? "accent" : "warn"} icon={local ? DeviceIcon : CloudIcon} title={local ? strings.localNote : strings.cloudNote(answer.backend)}>
          {local ? strings.local : strings.cloud}
        </Badge>
        <span className="answer-model">{model}</span>
        {answer.tokensPerS !== null && <span className="answer-speed">{strings.speed(formatRate(answer.tokensPerS, language))}</span>}
        {hops.length > 0 && (
          <Badge tone="warn">
            {strings.hops}: {hops.length}
          </Badge>
        )}
        <ChevronRightIcon size={14} />
      </summary>
      <div className="answer-facts">
        <p>{facts.join(" · ")}</p>
        {hops.length > 0 && <Reasons title={strings.hops} lines={hops.map(hopLine)} />}
        {warnings.length > 0 && <Reasons title={strings.warnings} lines={warnings.map(sentence)} />}
      </div>
    </details>
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

function hopLine(hop: HopInfo): string {
  const who = [hop.backend, hop.model, hop.engine, hop.device].filter((name) => name !== null).join(" / ");
  return who === "" ? sentence(hop.reason) : `${who}: ${hop.reason}`;
}
