import type { JSX } from "react";
import { formatBytes, formatPercent } from "../format.ts";
import { type BackgroundFetch, backgroundFetches } from "../offline/background_fetches.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { IconButton, Progress } from "../ui/index.ts";
import { CloseIcon, PlayIcon } from "../ui/icons.tsx";
import { useAction } from "../use_action.ts";

interface BackgroundLineProps {
  readonly model: string;
  readonly name: string;
  readonly fetch: BackgroundFetch;
  readonly onCancel: () => void;
}

/** A download that the browser carries out: how far it is, and the way back. */
export function BackgroundLine({ model, name, fetch, onCancel }: BackgroundLineProps): JSX.Element {
  const { models: strings, background: words } = useStrings();
  const language = useLanguageCode();
  const act = useAction();
  const { phase, receivedBytes, totalBytes } = fetch;
  const share = totalBytes === null ? null : Math.min(1, receivedBytes / totalBytes);
  const facts = [phase === "storing" ? words.storing : words.fetching, totalBytes === null ? formatBytes(receivedBytes, language) : strings.progress(formatBytes(receivedBytes, language), formatBytes(totalBytes, language))];
  return (
    <div className="download-line download-running">
      <div className="download-bar">
        <Progress value={share} label={strings.announceProgress(name, formatPercent(share ?? 0, language))} />
        <p className="download-facts">{facts.join(" · ")}</p>
      </div>
      {phase === "fetching" && (
        <div className="download-buttons">
          <IconButton icon={PlayIcon} label={words.hereOf(name)} onClick={() => void backgroundFetches.stop(model).then(() => act("models.resume", { model }))} />
          <IconButton icon={CloseIcon} label={strings.cancelOf(name)} onClick={onCancel} />
        </div>
      )}
    </div>
  );
}
