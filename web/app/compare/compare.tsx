import { isBlank, MAX_COMPARED, useCall, useClient, useSelector } from "@browserllm/react";
import { type SubmitEvent, type JSX, useState } from "react";
import { useBackground } from "../background.ts";
import { ErrorPanel } from "../error_panel.tsx";
import { formatBytes, formatCount } from "../format.ts";
import { SessionPlot } from "../plot/session_plot.tsx";
import { readNumber } from "../panel/fields.ts";
import { hashOf } from "../router.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { Button, TextArea, TextField } from "../ui/index.ts";
import { AddIcon, PlayIcon, StopIcon } from "../ui/icons.tsx";
import { Estimates } from "../models/estimates.tsx";
import { Results } from "./results.tsx";
import { SidePicker } from "./side_picker.tsx";
import { comparable, firstSides, MIN_SIDES, missing, nextSide, type Side } from "./sides.ts";
import "./compare.css";

const MAX_TOKENS = 4000;

/** One prompt, answered by several models or engines: the answers and the speeds, side by side. */
export default function Compare(): JSX.Element {
  const strings = useStrings();
  const words = strings.compare;
  const language = useLanguageCode();
  const { getState } = useClient();
  const call = useCall();
  const models = useSelector((state) => state.models);
  const compare = useSelector((state) => state.compare);
  const work = useBackground("compare");
  const [prompt, setPrompt] = useState(() => getState().compare.prompt);
  const [sides, setSides] = useState<readonly Side[]>(() => firstSides(getState()));
  const [tokens, setTokens] = useState("200");
  const [checked, setChecked] = useState(false);
  const choices = comparable(models);
  const maxTokens = readNumber(tokens, 1, MAX_TOKENS, true);
  const toDownload = missing(sides, models);
  const size = formatBytes(toDownload.reduce((sum, model) => sum + (model.downloadBytes ?? 0), 0), language);
  const same = new Set(sides.map((side) => `${side.model} ${side.where}`)).size < sides.length;
  const run = (event: SubmitEvent): void => {
    event.preventDefault();
    setChecked(true);
    if (isBlank(prompt) || maxTokens == null) return;
    const runs = sides.map(({ model, where }): readonly [string, string | null, string | null] => {
      const [engine = "", device = ""] = where.split(" ");
      return [model, engine === "" ? null : engine, device === "" ? null : device];
    });
    void work.start((signal) => call("compare.run", { prompt: prompt.trim(), models: runs, maxTokens }, { signal }));
  };
  const change = (index: number, side: Side): void => {
    setSides(sides.map((one, at) => (at === index ? side : one)));
  };
  return (
    <div className="page">
      <div className="page-column">
        <header>
          <h1 className="page-title">{words.title}</h1>
          <p className="quiet">{words.intro}</p>
        </header>
        {choices.length === 0 ? (
          <p className="empty">
            {words.noModels} <a href={hashOf("models")}>{words.toModels}</a>
          </p>
        ) : (
          <form className="stack" onSubmit={run} noValidate>
            <TextArea
              label={words.prompt}
              placeholder={words.promptPlaceholder}
              error={checked && isBlank(prompt) ? words.promptEmpty : null}
              value={prompt}
              rows={3}
              onChange={(event) => { setPrompt(event.target.value); }}
            />
            {prompt === "" && (
              <div className="chips" role="group" aria-label={words.examplesLabel}>
                {words.examples.map((example) => (
                  <button key={example} type="button" className="chip" onClick={() => { setPrompt(example); }}>
                    {example}
                  </button>
                ))}
              </div>
            )}
            <ul className="sides">
              {sides.map((side, index) => (
                <SidePicker
                  key={index}
                  number={index + 1}
                  side={side}
                  choices={choices}
                  onChange={(changed) => { change(index, changed); }}
                  onRemove={sides.length > MIN_SIDES ? () => { setSides(sides.filter((_, at) => at !== index)); } : null}
                />
              ))}
            </ul>
            {same && <p className="field-note">{words.same}</p>}
            {toDownload.length > 0 && (
              <p className="storage-warning">
                {words.mustDownload(new Intl.ListFormat(language).format(toDownload.map((model) => model.name)), size)} <Estimates models={toDownload} />
              </p>
            )}
            <div className="compare-run">
              <TextField
                label={words.maxTokens}
                inputMode="numeric"
                value={tokens}
                error={maxTokens == null ? words.maxTokensBad(formatCount(1, language), formatCount(MAX_TOKENS, language)) : null}
                onChange={(event) => { setTokens(event.target.value); }}
              />
              <div className="section-buttons">
                {sides.length < MAX_COMPARED && (
                  <Button icon={AddIcon} disabled={work.running} onClick={() => { setSides([...sides, nextSide(sides, models)]); }}>
                    {words.addSide}
                  </Button>
                )}
                {/* Each its own element (`key`): one that became the submit button while it is clicked would begin again. */}
                {work.running ? (
                  <Button key="stop" kind="primary" icon={StopIcon} onClick={work.stop}>
                    {words.stop}
                  </Button>
                ) : (
                  <Button key="run" kind="primary" icon={PlayIcon} type="submit">
                    {toDownload.length > 0 ? words.runDownload(size) : compare.runs.length > 0 ? words.again : words.run}
                  </Button>
                )}
              </div>
            </div>
          </form>
        )}
        {work.error && <ErrorPanel error={work.error} />}
        {compare.runs.length > 0 && <Results runs={compare.runs} />}
        <SessionPlot />
      </div>
    </div>
  );
}
