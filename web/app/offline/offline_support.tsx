import { useSelector } from "@browserllm/react";
import { type JSX, useEffect, useSyncExternalStore } from "react";
import { useStrings } from "../strings/index.ts";
import { Button } from "../ui/index.ts";
import { useArrivals } from "./use_background.ts";
import { backgroundFetches } from "./background_fetches.ts";
import { siteWorker } from "./site_worker.ts";
import "./offline.css";

interface Site {
  usedFiles?(): Promise<readonly string[]>;
}

/** Keeps the site for visits without a network, and offers a new version when there is one. */
export function OfflineSupport(): JSX.Element | null {
  const strings = useStrings().offline;
  const { updateReady } = useSyncExternalStore(siteWorker.subscribe, siteWorker.getStatus);
  const engines = useSelector((state) => state.loaded.map(({ engine, device }) => `${engine} ${device}`).join());
  const answering = useSelector((state) => Object.values(state.threads).some(({ status }) => status === "submitted" || status === "streaming"));
  useArrivals();
  useEffect(() => {
    void siteWorker.start(new URL("sw.js", document.baseURI).href);
    void backgroundFetches.start().catch((error: unknown) => { console.warn("Downloads do not go on in the background:", error); });
  }, []);
  useEffect(() => {
    // Each engine has files of its own, some of them large: those that were used are kept.
    if (engines !== "") keepUsed().catch((error: unknown) => { console.warn("What this visit used is not kept for later:", error); });
  }, [engines]);
  if (!updateReady) return null;
  return (
    <div className="update" role="status">
      <p>{answering ? strings.updateAfterAnswer : strings.updateReady}</p>
      <Button disabled={answering} onClick={() => { siteWorker.update(); }}>{strings.update}</Button>
    </div>
  );
}

async function keepUsed(): Promise<void> {
  const address = new URL("connect.js", document.baseURI).href;
  const site = (await import(/* @vite-ignore */ address)) as Site;
  await siteWorker.keep((await site.usedFiles?.()) ?? []);
}
