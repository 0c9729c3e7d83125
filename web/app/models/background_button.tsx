import { type JSX, useState } from "react";
import type { BackgroundFile } from "../../src/offline/background.ts";
import { formatBytes } from "../format.ts";
import { backgroundFetches, neededBytes, NoRoom, totalBytes } from "../offline/background_fetches.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { Button, Dialog, IconButton, useToast } from "../ui/index.ts";
import { ExportIcon } from "../ui/icons.tsx";
import { useAction } from "../use_action.ts";

interface BackgroundButtonProps {
  readonly model: string;
  readonly name: string;
  /** The download is running: it goes on here if the person decides so. */
  readonly going: boolean;
}

interface Plan {
  readonly files: readonly BackgroundFile[];
  /** What has arrived of them, and arrives again. */
  readonly again: number;
  readonly wasGoing: boolean;
}

/** Hands a download over to the browser, once the person has read what that means. */
export function BackgroundButton({ model, name, going }: BackgroundButtonProps): JSX.Element {
  const strings = useStrings().background;
  const language = useLanguageCode();
  const act = useAction();
  const toast = useToast();
  const [plan, setPlan] = useState<Plan | null>(null);
  const bytes = (size: number): string => formatBytes(size, language);
  const ask = async (): Promise<void> => {
    // What is being fetched now would be fetched twice.
    if (going && (await act("models.pause", { model })) === undefined) return;
    const missing = await act("models.missing", { model });
    if (missing === undefined) return;
    const files = missing.map(({ url, cache, sizeBytes, hash, hashAlgorithm }): BackgroundFile => ({
      url: new URL(url, document.baseURI).href,
      cache,
      size_bytes: sizeBytes,
      hash: hash !== null && hashAlgorithm !== null ? { algorithm: hashAlgorithm, value: hash } : null,
    }));
    if (files.length === 0) await act("models.resume", { model });
    else setPlan({ files, again: missing.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0), wasGoing: going });
  };
  const stay = (): void => {
    if (plan?.wasGoing) void act("models.resume", { model });
    setPlan(null);
  };
  const begin = async ({ files, wasGoing }: Plan): Promise<void> => {
    setPlan(null);
    try {
      await backgroundFetches.fetch(model, name, files);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const text = error instanceof NoRoom ? strings.noRoom(bytes(error.neededBytes), bytes(error.freeBytes)) : strings.refused(message);
      toast({ kind: "bad", text });
      if (wasGoing) await act("models.resume", { model });
    }
  };
  const total = plan && totalBytes(plan.files);
  const needed = plan && neededBytes(plan.files);
  return (
    <>
      <IconButton icon={ExportIcon} label={strings.continueOf(name)} onClick={() => void ask()} />
      {plan && (
        <Dialog
          title={strings.title(name)}
          onClose={stay}
          footer={
            <>
              <Button onClick={stay}>{strings.stay}</Button>
              <Button kind="primary" autoFocus onClick={() => void begin(plan)}>{strings.begin}</Button>
            </>
          }
        >
          <p>{strings.text(total === null ? strings.unknownSize : bytes(total))}</p>
          {plan.again > 0 && <p>{strings.again(bytes(plan.again))}</p>}
          {needed !== null && <p>{strings.room(bytes(needed))}</p>}
        </Dialog>
      )}
    </>
  );
}
