import { type Sample, useSelector } from "@browserllm/react";
import type { JSX } from "react";
import { formatBytes, formatCount, formatDuration, formatRate } from "../format.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { LinePlot, Mark } from "./line_plot.tsx";
import "./plot.css";

/** How fast the models of this device have answered since the page was opened, and the memory that they took. */
export function SessionPlot(): JSX.Element {
  const strings = useStrings();
  const words = strings.plot;
  const language = useLanguageCode();
  const samples = useSelector((state) => state.samples);
  const totals = useSelector((state) => state.totals);
  const models = useSelector((state) => state.models);
  const kinds = [...new Set(samples.map((sample) => sample.model))];
  const nameOf = (sample: Sample): string => models[sample.model]?.name ?? sample.model;
  const time = (at: number): string => new Date(at).toLocaleTimeString(language);
  const draw = (title: string, read: (sample: Sample) => number | null, format: (value: number) => string): JSX.Element | null => {
    const values = samples.flatMap((sample) => {
      const value = read(sample);
      return value === null ? [] : [{ value, kind: kinds.indexOf(sample.model), text: words.point(nameOf(sample), time(sample.at), format(value)) }];
    });
    const last = values.at(-1);
    if (!last) return null;
    const all = values.map(({ value }) => value);
    const summary = words.summary(title, formatCount(values.length, language), format(Math.min(...all)), format(Math.max(...all)), format(last.value));
    return <LinePlot title={title} values={values} format={format} summary={summary} />;
  };
  const rate = (value: number): string => formatRate(value, language);
  const bytes = (value: number): string => formatBytes(value, language);
  const facts: [string, string][] = [
    [words.answers, formatCount(totals.answers, language)],
    [words.tokens, formatCount(totals.tokens, language)],
  ];
  if (totals.tokensPerS !== null) facts.push([words.meanSpeed, strings.compare.speedValue(rate(totals.tokensPerS))]);
  if (totals.answerMs !== null) facts.push([words.meanAnswer, formatDuration(totals.answerMs, language)]);
  return (
    <section className="plots" aria-labelledby="plots-title">
      <h2 id="plots-title" className="section-title">{words.title}</h2>
      {samples.length === 0 ? (
        <p className="quiet">{words.none}</p>
      ) : (
        <>
          <dl className="totals">
            {facts.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
          <div className="plot-pair">
            {draw(`${words.speed} (${words.speedUnit})`, (sample) => sample.tokensPerS, rate)}
            {draw(words.memory, (sample) => sample.memoryBytes, bytes)}
          </div>
          {kinds.length > 1 && (
            <ul className="plot-legend">
              {kinds.map((model, kind) => (
                <li key={model}>
                  <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
                    <Mark kind={kind} x={7} y={7} large={false} />
                  </svg>
                  {models[model]?.name ?? model}
                </li>
              ))}
            </ul>
          )}
          <details className="plot-table">
            <summary>{words.showTable}</summary>
            <div className="table-box" tabIndex={0} role="region" aria-label={words.table}>
              <table>
                <thead>
                  <tr>
                    <th scope="col">{words.time}</th>
                    <th scope="col">{words.model}</th>
                    <th scope="col">{words.speed}</th>
                    <th scope="col">{words.memory}</th>
                  </tr>
                </thead>
                <tbody>
                  {samples.map((sample, index) => (
                    <tr key={index}>
                      <td>{time(sample.at)}</td>
                      <td>{nameOf(sample)}</td>
                      <td>{sample.tokensPerS === null ? strings.common.unknown : strings.compare.speedValue(rate(sample.tokensPerS))}</td>
                      <td>{sample.memoryBytes === null ? strings.common.unknown : bytes(sample.memoryBytes)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </details>
        </>
      )}
    </section>
  );
}
