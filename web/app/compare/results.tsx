import { type CompareRun, useSelector } from "@browserllm/react";
import { Fragment, type JSX } from "react";
import { ErrorPanel } from "../error_panel.tsx";
import { formatCount, formatDuration, formatRate } from "../format.ts";
import { Markdown } from "../markdown/markdown.tsx";
import { useEngineName } from "../models/use_engine_name.ts";
import { deviceName } from "../models/words.ts";
import { type Strings, useLanguageCode, useStrings } from "../strings/index.ts";
import { Badge, Progress } from "../ui/index.ts";

/** The answers beside each other, and their figures in a table below. */
export function Results({ runs }: { readonly runs: readonly CompareRun[] }): JSX.Element {
  const strings = useStrings();
  const words = strings.compare;
  const models = useSelector((state) => state.models);
  const engineName = useEngineName();
  const loading = useSelector((state) => state.loading);
  const nameOf = (run: CompareRun): string => models[run.model]?.name ?? run.model;
  const busy = runs.find((run) => run.status === "loading" || run.status === "streaming");
  return (
    <section className="stack" aria-labelledby="compare-results">
      <h2 id="compare-results" className="section-title">
        {words.results}
      </h2>
      <p className="visually-hidden" role="status">
        {busy ? `${nameOf(busy)}: ${words.statuses[busy.status]}` : ""}
      </p>
      <div className="results">
        {runs.map((run, index) => (
          <article key={index} className="result" aria-label={words.side(index + 1)}>
            <header className="result-head">
              <h3 dir="auto">{nameOf(run)}</h3>
              <Badge tone={run.status === "error" ? "bad" : run.status === "done" ? "good" : "plain"}>{words.statuses[run.status]}</Badge>
            </header>
            <p className="field-note">{ranOn(run, engineName, strings) ?? words.automatic}</p>
            {run.status === "loading" && <Progress value={loading?.model === run.model ? loading.fraction : null} label={`${words.statuses.loading}: ${nameOf(run)}`} />}
            {run.text !== "" && <Markdown text={run.text} streaming={run.status === "streaming"} />}
            {run.text === "" && (run.status === "done" || run.status === "stopped") && <p className="quiet">{words.noAnswer}</p>}
            {run.error && <ErrorPanel error={{ ...run.error, actions: run.error.actions.filter((action) => action !== "retry") }} />}
          </article>
        ))}
      </div>
      {runs.some((run) => run.answer) && <Figures runs={runs} nameOf={nameOf} />}
    </section>
  );
}

interface FiguresProps {
  readonly runs: readonly CompareRun[];
  readonly nameOf: (run: CompareRun) => string;
}

function Figures({ runs, nameOf }: FiguresProps): JSX.Element {
  const strings = useStrings();
  const words = strings.compare;
  const language = useLanguageCode();
  const engineName = useEngineName();
  const speeds = runs.map((run) => run.answer?.tokensPerS ?? null);
  const best = Math.max(...speeds.map((speed) => speed ?? 0));
  const show = (value: number | null | undefined, format: (value: number, language: string) => string): string => (value == null ? strings.common.unknown : format(value, language));
  const rows: [string, (run: CompareRun) => string][] = [
    [words.firstToken, ({ answer }) => show(answer?.firstTokenMs, formatDuration)],
    [words.tokens, ({ answer }) => show(answer?.completionTokens, formatCount)],
    [words.duration, ({ answer }) => show(answer?.durationMs, formatDuration)],
    [words.ran, (run) => ranOn(run, engineName, strings) ?? strings.common.unknown],
  ];
  return (
    <div className="table-box" tabIndex={0} role="region" aria-label={words.figures}>
      <table className="figures">
        <thead>
          <tr>
            <th scope="col">{words.measure}</th>
            {runs.map((run, index) => (
              <th key={index} scope="col" dir="auto">
                {nameOf(run)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">{words.speed}</th>
            {speeds.map((speed, index) => (
              <td key={index}>
                {speed === null ? (
                  strings.common.unknown
                ) : (
                  <Fragment>
                    <span className="speed-bar" aria-hidden="true">
                      <span style={{ inlineSize: `${(speed / best) * 100}%` }} />
                    </span>
                    {words.speedValue(formatRate(speed, language))}
                    {runs.length > 1 && speed === best && <Badge tone="good">{words.fastest}</Badge>}
                  </Fragment>
                )}
              </td>
            ))}
          </tr>
          {rows.map(([name, read]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {runs.map((run, index) => (
                <td key={index}>{read(run)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ranOn({ answer, engine, device }: CompareRun, engineName: (engine: string) => string, strings: Strings): string | null {
  const [ranEngine, ranDevice] = [answer?.engine ?? engine, answer?.device ?? device];
  if (ranEngine === null) return null;
  return ranDevice === null ? engineName(ranEngine) : `${engineName(ranEngine)}, ${deviceName(ranDevice, strings.models)}`;
}
