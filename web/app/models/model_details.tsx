import { type Build, type Model, useSelector } from "@browserllm/react";
import { type JSX, type ReactNode, useState } from "react";
import { asSentence, formatBytes, formatWhen } from "../format.ts";
import { FromPython } from "../from_python.tsx";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { Button, Confirm, useToast } from "../ui/index.ts";
import { CheckIcon, TrashIcon } from "../ui/icons.tsx";
import { useAction } from "../use_action.ts";
import { useEngineName } from "./use_engine_name.ts";
import type { ModelWork } from "./use_model_work.ts";
import { deviceName } from "./words.ts";

interface ModelDetailsProps {
  readonly model: Model;
  readonly work: ModelWork;
}

/** Everything about a model: why it fits, its licence, its builds, and what can be done with it. */
export function ModelDetails({ model, work }: ModelDetailsProps): JSX.Element {
  const strings = useStrings().models;
  const language = useLanguageCode();
  const act = useAction();
  const engineName = useEngineName();
  const inUse = useSelector((state) => state.settings.model === model.id);
  const abilities = (["vision", "tools", "thinking"] as const).filter((name) => model[name]).map((name) => strings.abilities[name]);
  const { loaded } = work;
  return (
    <div className="model-details">
      <dl className="facts">
        <Fact name={strings.facts.reasons}>
          {model.reasons.length === 0 ? strings.fitNotes[model.fit] : <ul>{model.reasons.map((reason) => <li key={reason}><FromPython>{asSentence(reason)}</FromPython></li>)}</ul>}
        </Fact>
        {model.license !== null && (
          <Fact name={strings.facts.license}>
            {model.licenseUrl === null ? model.license : <a href={model.licenseUrl} target="_blank" rel="noreferrer">{model.license}</a>}
          </Fact>
        )}
        {model.family !== "" && <Fact name={strings.facts.family}>{model.family}</Fact>}
        {model.purposes.length > 0 && <Fact name={strings.facts.purposes}>{model.purposes.map((purpose) => strings.purposes[purpose] ?? purpose).join(", ")}</Fact>}
        {abilities.length > 0 && <Fact name={strings.facts.abilities}>{abilities.join(", ")}</Fact>}
        {model.memoryBytes !== null && <Fact name={strings.build.memory}>{formatBytes(model.memoryBytes, language)}</Fact>}
        {model.storedBytes > 0 && (
          <Fact name={strings.facts.stored}>
            {formatBytes(model.storedBytes, language)}, {model.lastUsedAt === null ? strings.neverUsed : strings.usedAt(formatWhen(model.lastUsedAt, Date.now(), language))}
          </Fact>
        )}
        {loaded && (
          <Fact name={strings.inMemory}>
            {[strings.inMemoryNote(engineName(loaded.engine), deviceName(loaded.device, strings)), loaded.expiresAt === null ? null : strings.freedAt(formatWhen(loaded.expiresAt, Date.now(), language))]
              .filter((text) => text !== null)
              .join(", ")}
          </Fact>
        )}
        <Fact name={strings.facts.id}>
          <code>{model.id}</code>
        </Fact>
      </dl>
      {model.builds.length > 0 && <Builds model={model} work={work} />}
      <div className="model-actions">
        {model.type === "chat" && model.fit !== "no" && (
          <Button small {...(inUse ? { icon: CheckIcon } : {})} aria-pressed={inUse} onClick={() => void act("settings.update", { changes: { model: inUse ? null : model.id } })}>
            {inUse ? strings.inUse : strings.use}
          </Button>
        )}
        {model.storedBytes > 0 && !model.bundled && <DeleteModel id={model.id} name={model.name} bytes={model.storedBytes} />}
      </div>
    </div>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd dir="auto">{children}</dd>
    </div>
  );
}

/** The builds of a model. One of each engine and device can be loaded: the one that is here, or the first that fits. */
function Builds({ model, work }: ModelDetailsProps): JSX.Element {
  const strings = useStrings().models;
  const language = useLanguageCode();
  const engineName = useEngineName();
  const busy = work.work.running || work.loading !== null || work.download !== null;
  return (
    <section className="builds">
      <h4>{strings.builds}</h4>
      <p className="field-note">{strings.buildsNote}</p>
      <div className="table-box" tabIndex={0} role="region" aria-label={`${strings.builds}: ${model.name}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">{strings.build.engine}</th>
              <th scope="col">{strings.build.device}</th>
              <th scope="col">{strings.build.quantization}</th>
              <th scope="col">{strings.build.download}</th>
              <th scope="col">{strings.build.memory}</th>
              <th scope="col">{strings.build.fit}</th>
            </tr>
          </thead>
          <tbody>
            {model.builds.map((build) => {
              const here = work.loaded?.engine === build.engine && work.loaded.device === build.device;
              const offered = isOffered(build, model.builds);
              return (
                <tr key={build.id}>
                  <td>{engineName(build.engine)}</td>
                  <td>{deviceName(build.device, strings)}</td>
                  <td>{build.quantization ?? ""}</td>
                  <td>{build.downloaded ? strings.buildHere : build.downloadBytes === null ? "" : formatBytes(build.downloadBytes, language)}</td>
                  <td>{build.memoryBytes === null ? "" : formatBytes(build.memoryBytes, language)}</td>
                  <td>
                    {!build.fits ? (
                      <span className="quiet">{build.reason === null ? strings.fits.no : <FromPython>{asSentence(build.reason)}</FromPython>}</span>
                    ) : here && offered ? (
                      strings.inMemory
                    ) : offered ? (
                      <Button small disabled={busy} aria-label={strings.loadBuild(engineName(build.engine), deviceName(build.device, strings))} onClick={() => { work.load(build.engine, build.device); }}>
                        {strings.loadOn}
                      </Button>
                    ) : (
                      strings.fits.good
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function isOffered(build: Build, builds: readonly Build[]): boolean {
  const same = builds.filter((other) => other.engine === build.engine && other.device === build.device && other.fits);
  return (same.find((other) => other.downloaded) ?? same[0]) === build;
}

interface DeleteModelProps {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
}

/** Deletes the files of a model, after asking. */
export function DeleteModel({ id, name, bytes }: DeleteModelProps): JSX.Element {
  const strings = useStrings().models;
  const language = useLanguageCode();
  const act = useAction();
  const toast = useToast();
  const [asking, setAsking] = useState(false);
  const remove = async (): Promise<void> => {
    const freed: number | undefined = await act("models.delete", { model: id });
    if (freed !== undefined) toast({ text: strings.removed(name, formatBytes(freed, language)) });
  };
  return (
    <>
      <Button small kind="danger" icon={TrashIcon} aria-label={strings.removeOf(name)} onClick={() => { setAsking(true); }}>
        {strings.remove}
      </Button>
      {asking && (
        <Confirm
          title={strings.removeTitle(name)}
          text={strings.removeText(formatBytes(bytes, language))}
          verb={strings.remove}
          onConfirm={() => void remove()}
          onClose={() => { setAsking(false); }}
        />
      )}
    </>
  );
}
