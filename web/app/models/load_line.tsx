import { useSelector } from "@browserllm/react";
import type { JSX } from "react";
import { formatBytes, formatPercent } from "../format.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { Milestones, Progress } from "../ui/index.ts";
import { formatTimeLeft, shareOf } from "./words.ts";

/** What an answer waits for: the model on its way into memory, first its download, and how far that is. */
export function LoadLine(): JSX.Element | null {
  const { header, models: strings } = useStrings();
  const language = useLanguageCode();
  const loading = useSelector((state) => state.loading);
  const name = useSelector((state) => (state.loading === null ? "" : (state.models[state.loading.model]?.name ?? state.loading.model)));
  const download = useSelector((state) => (state.loading === null ? undefined : state.downloads[state.loading.model]));
  if (loading === null) return null;
  const share = download ? shareOf(download) : loading.fraction;
  const facts: string[] = [];
  if (download) {
    const { state, receivedBytes, totalBytes, leftS } = download;
    facts.push(`${name}: ${strings.states[state]}`);
    if (totalBytes !== null) facts.push(strings.progress(formatBytes(receivedBytes, language), formatBytes(totalBytes, language)));
    if (state === "running" && leftS !== null) facts.push(strings.left(formatTimeLeft(leftS, language)));
  } else facts.push(share === null ? strings.loading(name) : header.loading(name, formatPercent(share, language)));
  return (
    <div className="load-line">
      <Progress value={share} label={strings.loading(name)} />
      <p className="quiet small">{facts.join(" · ")}</p>
      <Milestones value={share} say={(reached) => header.loading(name, formatPercent(reached, language))} />
    </div>
  );
}
