import { type Download, useSelector } from "@browserllm/react";
import type { JSX } from "react";
import { formatCount, formatPercent } from "../format.ts";
import { formatTimeLeft, shareOf } from "../models/words.ts";
import { useBackgroundFetch } from "../offline/use_background.ts";
import { hashOf } from "../router.ts";
import { type Strings, useLanguageCode, useStrings } from "../strings/index.ts";
import { Milestones, Progress } from "../ui/index.ts";
import "./activity_bar.css";

/** The downloads in progress, in one line that leads to the models. It is there only while there are any. */
export function ActivityBar(): JSX.Element | null {
  const strings = useStrings();
  const language = useLanguageCode();
  const downloads = useSelector((state) => state.downloads);
  const models = useSelector((state) => state.models);
  // The built-in model comes with the app: its start is said where a model's start always is, unless it fails.
  const all = Object.values(downloads).filter((download) => download.state === "failed" || models[download.model]?.bundled !== true);
  const [first] = all;
  const { fetch: away } = useBackgroundFetch(first?.model ?? "");
  if (!first) return null;
  const inBackground = all.length === 1 && away !== null && away.phase !== "incomplete" ? away : null;
  const share = inBackground === null ? together(all) : inBackground.totalBytes === null ? null : Math.min(1, inBackground.receivedBytes / inBackground.totalBytes);
  const nameOf = (download: Download): string => models[download.model]?.name ?? download.model;
  const text =
    inBackground === null
      ? say(all, first, nameOf, share, strings.welcome, language)
      : strings.background.activity(nameOf(first), share === null ? "…" : formatPercent(share, language));
  const left = all.length === 1 && first.state === "running" ? first.leftS : null;
  return (
    <a className={`activity activity-${first.state}`} href={hashOf("models", all.length === 1 ? first.model : null)} aria-label={`${strings.welcome.activity}: ${text}`}>
      <Progress value={share} label={text} />
      <span className="activity-text">
        <bdi>{text}</bdi>
        {left !== null && <span className="quiet"> {strings.models.left(formatTimeLeft(left, language))}</span>}
      </span>
      <Milestones value={share} say={(reached) => strings.models.announceProgress(all.map(nameOf).join(", "), formatPercent(reached, language))} />
    </a>
  );
}

function say(all: readonly Download[], first: Download, nameOf: (download: Download) => string, share: number | null, words: Strings["welcome"], language: string): string {
  const percent = share === null ? "…" : formatPercent(share, language);
  if (all.length > 1) return words.activityMany(formatCount(all.length, language), percent);
  if (first.state === "paused") return words.activityPaused(nameOf(first));
  if (first.state === "failed") return words.activityFailed(nameOf(first));
  return words.activityOne(nameOf(first), percent);
}

/** How far several downloads are, by their bytes. */
function together(all: readonly Download[]): number | null {
  if (all.some((download) => shareOf(download) === null)) return null;
  const total = all.reduce((sum, download) => sum + (download.totalBytes ?? 0), 0);
  return all.reduce((sum, download) => sum + download.receivedBytes, 0) / total;
}
