import { useCall, useSelector } from "@browserllm/react";
import { type JSX, type ReactNode, useEffect } from "react";
import { DeviceProblem } from "../device_problem.tsx";
import { FullPageProblem } from "../errors/full_page.tsx";
import { useNothingRuns } from "../errors/nothing_runs.ts";
import { formatBytes } from "../format.ts";
import { TierCards, useTiers } from "../models/tier_cards.tsx";
import { goTo, hashOf } from "../router.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { Button, Progress } from "../ui/index.ts";
import { ChatIcon, CheckIcon, type Icon, LockIcon } from "../ui/icons.tsx";
import { useAction } from "../use_action.ts";
import "../models/models.css";
import "./welcome.css";

/** Below this the browser has not kept the app itself, and its storage says nothing about what was downloaded. */
const MIN_BYTES = 1e6;

/** The first screen: why it is private, what was downloaded, and which better model is one click away. */
export default function Welcome(): JSX.Element {
  const strings = useStrings().welcome;
  const models = useStrings().models;
  const language = useLanguageCode();
  const act = useAction();
  const nothingRuns = useNothingRuns();
  const device = useSelector((state) => state.device);
  const builtIn = useSelector((state) => Object.values(state.models).find((model) => model.bundled)?.name ?? null);
  const storage = useSelector((state) => state.storage);
  const looking = useSelector((state) => Object.keys(state.models).length < 2);
  const downloading = useSelector((state) => Object.values(state.downloads).some(({ model, state: now }) => now !== "failed" && state.models[model]?.bundled !== true));
  const tiers = useTiers();
  const call = useCall();
  useEffect(() => {
    // Once the app is kept for offline use, the storage says how large it is.
    if (!("serviceWorker" in navigator)) return;
    void navigator.serviceWorker.ready.then(() => call("models.refresh")).catch(() => undefined);
  }, [call]);
  const start = (): void => {
    void act("settings.update", { changes: { introduced: true } });
    goTo("chat");
  };
  if (nothingRuns) {
    return (
      <div className="page">
        <FullPageProblem error={nothingRuns} />
      </div>
    );
  }
  // Before the service worker has kept the app, storage has next to nothing of what was downloaded.
  const ownBytes = (storage.usedBytes ?? 0) - storage.modelsBytes;
  const freeBytes = storage.quotaBytes === null || storage.usedBytes === null ? null : storage.quotaBytes - storage.usedBytes;
  return (
    <div className="page">
      <div className="page-column welcome">
        <header className="welcome-head">
          <h1>{strings.title}</h1>
          <p>{strings.intro}</p>
        </header>
        <ul className="welcome-points">
          <Point icon={LockIcon} title={strings.private}>{strings.privateText}</Point>
          <Point icon={CheckIcon} title={strings.offline}>{strings.offlineText}</Point>
          {builtIn !== null && <Point icon={ChatIcon} title={strings.ready}>{strings.readyText(builtIn)}</Point>}
        </ul>
        <DeviceProblem tone="warn" />
        <section className="stack" aria-labelledby="welcome-choose">
          <div>
            <h2 id="welcome-choose" className="section-title">{strings.choose}</h2>
            <p className="quiet" role="status">{downloading ? strings.chosen : strings.chooseText}</p>
          </div>
          {device !== null && device.online && (device.metered === true || device.saveData === true) && <p className="storage-warning">{models.metered}</p>}
          {device?.online === false && <p className="storage-warning">{models.offline}</p>}
          {tiers.length > 0 ? (
            <TierCards models={tiers} />
          ) : looking ? (
            <div className="empty" role="status">
              <p>{strings.looking}</p>
              <Progress value={null} label={strings.looking} />
            </div>
          ) : (
            <p className="quiet">{strings.noneFits}</p>
          )}
        </section>
        <p className="quiet small">
          {[ownBytes >= MIN_BYTES ? strings.soFar(formatBytes(ownBytes, language)) : null, strings.nothingMore, freeBytes === null ? null : strings.space(formatBytes(freeBytes, language))].filter((text) => text !== null).join(" ")}
        </p>
        <div className="welcome-start">
          <Button kind="primary" icon={ChatIcon} onClick={start}>
            {strings.start}
          </Button>
          <a href={hashOf("models")}>{strings.all}</a>
        </div>
      </div>
    </div>
  );
}

function Point({ icon: Drawing, title, children }: { readonly icon: Icon; readonly title: string; readonly children: ReactNode }): JSX.Element {
  return (
    <li>
      <Drawing size={20} />
      <div>
        <strong>{title}</strong>
        <p>{children}</p>
      </div>
    </li>
  );
}
