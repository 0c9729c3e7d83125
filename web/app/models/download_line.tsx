import type { Download } from "@browserllm/react";
import { type JSX, useState } from "react";
import { ErrorPanel } from "../error_panel.tsx";
import { formatBytes, formatPercent } from "../format.ts";
import { backgroundFetches } from "../offline/background_fetches.ts";
import { useBackgroundFetch } from "../offline/use_background.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { Button, Dialog, IconButton, Milestones, Progress } from "../ui/index.ts";
import { CloseIcon, PauseIcon, PlayIcon } from "../ui/icons.tsx";
import { useAction } from "../use_action.ts";
import { BackgroundButton } from "./background_button.tsx";
import { BackgroundLine } from "./background_line.tsx";
import { formatTimeLeft, shareOf } from "./words.ts";

interface DownloadLineProps {
  readonly download: Download;
  readonly name: string;
}

/** A download: how far it is, how fast, how long it takes, and what can be done with it. */
export function DownloadLine({ download, name }: DownloadLineProps): JSX.Element {
  const { models: strings, background: words } = useStrings();
  const language = useLanguageCode();
  const act = useAction();
  const [asking, setAsking] = useState(false);
  const { available, fetch } = useBackgroundFetch(download.model);
  const { model, state, receivedBytes, totalBytes, bytesPerS, leftS, error } = download;
  const share = shareOf(download);
  const going = state === "running" || state === "waiting";
  const away = fetch?.phase === "fetching" || fetch?.phase === "storing";
  const facts = [strings.states[state]];
  if (totalBytes !== null) facts.push(strings.progress(formatBytes(receivedBytes, language), formatBytes(totalBytes, language)));
  else if (receivedBytes > 0) facts.push(formatBytes(receivedBytes, language));
  if (state === "running" && bytesPerS !== null) facts.push(strings.speed(formatBytes(bytesPerS, language)));
  if (state === "running" && leftS !== null) facts.push(strings.left(formatTimeLeft(leftS, language)));
  const cancel = (parts: boolean) => (): void => {
    setAsking(false);
    void backgroundFetches.stop(model).then(() => act("models.cancel", { model, delete: parts }));
  };
  const dialog = asking && (
    <Dialog
      title={strings.cancelTitle(name)}
      onClose={() => { setAsking(false); }}
      footer={
        <>
          <Button autoFocus onClick={() => { setAsking(false); }}>{strings.goOn}</Button>
          <Button onClick={cancel(false)}>{strings.cancelKeep}</Button>
          <Button kind="danger" onClick={cancel(true)}>{strings.cancelDelete}</Button>
        </>
      }
    >
      <p>{strings.cancelText(formatBytes(receivedBytes, language))}</p>
    </Dialog>
  );
  if (away) {
    return (
      <>
        <BackgroundLine model={model} name={name} fetch={fetch} onCancel={() => { setAsking(true); }} />
        {dialog}
      </>
    );
  }
  return (
    <div className={`download-line download-${state}`}>
      <div className="download-bar">
        <Progress value={state === "waiting" && receivedBytes === 0 ? 0 : share} label={strings.announceProgress(name, formatPercent(share ?? 0, language))} />
        <p className="download-facts">{facts.join(" · ")}</p>
      </div>
      <div className="download-buttons">
        {going && <IconButton icon={PauseIcon} label={strings.pauseOf(name)} onClick={() => void act("models.pause", { model })} />}
        {state === "paused" && <IconButton icon={PlayIcon} label={strings.resumeOf(name)} onClick={() => void act("models.resume", { model })} />}
        {available && (going || state === "paused") && <BackgroundButton model={model} name={name} going={going} />}
        {state !== "verifying" && (
          <IconButton
            icon={CloseIcon}
            label={strings.cancelOf(name)}
            onClick={() => {
              if (receivedBytes > 0) setAsking(true);
              else cancel(true)();
            }}
          />
        )}
      </div>
      {error && <ErrorPanel error={error} run={{ retry: () => void act("models.download", { model }) }} />}
      <Milestones value={share} say={(reached) => strings.announceProgress(name, formatPercent(reached, language))} />
      {fetch?.phase === "incomplete" && state === "paused" && <p className="download-note quiet">{words.ended[fetch.reason in words.ended ? (fetch.reason as keyof typeof words.ended) : "other"]}</p>}
      {dialog}
    </div>
  );
}
