import { type StorageInfo, useSelector } from "@browserllm/react";
import { type JSX, useState } from "react";
import { formatBytes, formatCount, formatWhen } from "../format.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { Button, Confirm, useToast } from "../ui/index.ts";
import { LockIcon, TrashIcon } from "../ui/icons.tsx";
import { useAction } from "../use_action.ts";
import { DeleteModel } from "./model_details.tsx";

/** The browser's storage: how full it is, what could go, and whether the browser keeps it. */
export function StorageMeter(): JSX.Element {
  const strings = useStrings().models;
  const language = useLanguageCode();
  const storage = useSelector((state) => state.storage);
  const budget = useSelector((state) => state.settings.storageBudgetBytes);
  const act = useAction();
  const toast = useToast();
  const bytes = (value: number): string => formatBytes(value, language);
  const clean = async (): Promise<void> => {
    const freed: number | undefined = await act("storage.clean");
    if (freed !== undefined) toast({ text: strings.cleaned(bytes(freed)) });
  };
  return (
    <section className="storage" aria-labelledby="storage-title">
      <div className="section-head">
        <h2 id="storage-title">{strings.storage}</h2>
        {storage.reclaimableBytes > 0 && (
          <Button small onClick={() => void clean()}>
            {strings.clean(bytes(storage.reclaimableBytes))}
          </Button>
        )}
      </div>
      <Meter storage={storage} />
      {budget !== null && storage.modelsBytes > budget && <p className="storage-warning">{strings.storageBudget(bytes(storage.modelsBytes), bytes(budget))}</p>}
      <Persistence persisted={storage.persisted} />
      <Stored storage={storage} />
    </section>
  );
}

/** What a share of the bar is, from the start of the line. */
function Meter({ storage }: { readonly storage: StorageInfo }): JSX.Element {
  const strings = useStrings().models;
  const language = useLanguageCode();
  const { usedBytes, quotaBytes, modelsBytes, reclaimableBytes } = storage;
  if (usedBytes === null || quotaBytes === null || quotaBytes === 0) {
    return <p className="quiet">{strings.storageUnknown} {modelsBytes > 0 && strings.storageModels(formatBytes(modelsBytes, language))}</p>;
  }
  const models = Math.max(0, modelsBytes - reclaimableBytes);
  const other = Math.max(0, usedBytes - models - reclaimableBytes);
  const parts = [
    { name: "models", bytes: models, say: strings.storageModels },
    { name: "other", bytes: other, say: strings.storageOther },
    { name: "reclaimable", bytes: reclaimableBytes, say: strings.storageReclaimable },
    { name: "free", bytes: Math.max(0, quotaBytes - usedBytes), say: strings.storageFree },
  ];
  return (
    <div className="meter-box">
      <p>{strings.storageUsed(formatBytes(usedBytes, language), formatBytes(quotaBytes, language))}</p>
      <div className="meter" role="meter" aria-label={strings.storage} aria-valuemin={0} aria-valuemax={quotaBytes} aria-valuenow={Math.min(usedBytes, quotaBytes)} aria-valuetext={strings.storageUsed(formatBytes(usedBytes, language), formatBytes(quotaBytes, language))}>
        {parts.slice(0, 3).map((part) => (
          <span key={part.name} className={`meter-part meter-${part.name}`} style={{ inlineSize: `${Math.min(100, (part.bytes / quotaBytes) * 100)}%` }} />
        ))}
      </div>
      <ul className="meter-legend">
        {parts
          .filter((part) => part.bytes > 0)
          .map((part) => (
            <li key={part.name}>
              <span className={`meter-key meter-${part.name}`} aria-hidden="true" />
              {part.say(formatBytes(part.bytes, language))}
            </li>
          ))}
      </ul>
    </div>
  );
}

function Persistence({ persisted }: { readonly persisted: boolean | null }): JSX.Element | null {
  const strings = useStrings().models;
  const act = useAction();
  const [refused, setRefused] = useState(false);
  if (persisted === null) return null;
  const ask = async (): Promise<void> => {
    const kept: boolean | undefined = await act("storage.persist");
    setRefused(kept === false);
  };
  return (
    <div className="storage-kept">
      <LockIcon size={18} />
      <p role="status">{persisted ? strings.kept : refused ? strings.keepRefused : strings.notKept}</p>
      {!persisted && (
        <Button small onClick={() => void ask()}>
          {strings.keep}
        </Button>
      )}
    </div>
  );
}

/** The stored models, the one that was not used for the longest time first. */
function Stored({ storage }: { readonly storage: StorageInfo }): JSX.Element {
  const strings = useStrings().models;
  const language = useLanguageCode();
  const models = useSelector((state) => state.models);
  const act = useAction();
  const toast = useToast();
  const [asking, setAsking] = useState(false);
  if (storage.models.length === 0) return <p className="quiet">{strings.noneStored}</p>;
  const stored = [...storage.models].sort((a, b) => (a.lastUsedAt ?? 0) - (b.lastUsedAt ?? 0));
  const total = stored.reduce((sum, one) => sum + one.sizeBytes, 0);
  const removeAll = async (): Promise<void> => {
    const freed: number | undefined = await act("models.delete", { model: "*" });
    if (freed !== undefined) toast({ text: strings.cleaned(formatBytes(freed, language)) });
  };
  return (
    <details className="stored">
      <summary>{strings.storedModels}</summary>
      <p className="field-note">{strings.storedModelsNote}</p>
      <ul>
        {stored.map((one) => {
          const name = models[one.model]?.name ?? one.model;
          return (
            <li key={one.key}>
              <span className="stored-name" dir="auto">
                {name}
                <span className="field-note">
                  {[formatBytes(one.sizeBytes, language), one.complete ? null : strings.incomplete, one.lastUsedAt === null ? strings.neverUsed : strings.usedAt(formatWhen(one.lastUsedAt, Date.now(), language))]
                    .filter((text) => text !== null)
                    .join(", ")}
                </span>
              </span>
              <DeleteModel id={one.model} name={name} bytes={one.sizeBytes} />
            </li>
          );
        })}
      </ul>
      <Button small kind="danger" icon={TrashIcon} onClick={() => { setAsking(true); }}>
        {strings.removeAll}
      </Button>
      {asking && (
        <Confirm
          title={strings.removeAllTitle}
          text={strings.removeAllText(formatCount(stored.length, language), formatBytes(total, language))}
          verb={strings.removeAll}
          onConfirm={() => void removeAll()}
          onClose={() => { setAsking(false); }}
        />
      )}
    </details>
  );
}
