import { type Device, useSelector } from "@browserllm/react";
import type { JSX } from "react";
import { ErrorPanel } from "../error_panel.tsx";
import { asSentence, formatBytes, formatCount } from "../format.ts";
import { FromPython } from "../from_python.tsx";
import { useEngineName } from "../models/use_engine_name.ts";
import { SessionPlot } from "../plot/session_plot.tsx";
import { type Strings, useLanguageCode, useStrings } from "../strings/index.ts";
import { Badge, Button, useToast } from "../ui/index.ts";
import { CheckIcon, RefreshIcon, WarningIcon } from "../ui/icons.tsx";
import { useAction } from "../use_action.ts";

/** What this device can do, which engines run on it, and how fast they were. */
export function ThisDevice(): JSX.Element {
  const strings = useStrings();
  const words = strings.settings;
  const language = useLanguageCode();
  const act = useAction();
  const toast = useToast();
  const device = useSelector((state) => state.device);
  const engines = useSelector((state) => state.engines);
  const engineName = useEngineName();
  const version = useSelector((state) => state.version);
  const python = useSelector((state) => state.python);
  const refresh = async (): Promise<void> => {
    if ((await act("device.refresh")) !== undefined) toast({ text: words.refreshed });
  };
  const facts = [...(device === null ? [] : factsOf(device, strings, language)), [words.python, words.pythons[python]] as const, [words.version, version] as const];
  const features = device?.gpu?.features ?? [];
  return (
    <>
      {device?.problem ? <ErrorPanel error={device.problem} tone={device.gpu === null ? "bad" : "warn"} /> : device?.gpu && <p className="device-well"><CheckIcon size={18} />{words.allWell}</p>}
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd dir="auto">{value}</dd>
          </div>
        ))}
      </dl>
      {features.length > 0 && (
        <details className="device-features">
          <summary>{`${words.features} (${formatCount(features.length, language)})`}</summary>
          <p className="field-note">{features.join(", ")}</p>
        </details>
      )}
      <h2>{words.engines}</h2>
      <ul className="engines">
        {engines.map((engine) => (
          <li key={engine.name}>
            <div>
              <strong>{engineName(engine.name)}</strong>
              {engine.reason !== null && <p className="field-note"><FromPython>{asSentence(engine.reason)}</FromPython></p>}
            </div>
            <Badge tone={engine.available ? "good" : "plain"} icon={engine.available ? CheckIcon : WarningIcon}>
              {engine.available ? words.engineReady : words.engineNot}
            </Badge>
          </li>
        ))}
      </ul>
      <div>
        <Button icon={RefreshIcon} onClick={() => void refresh()}>
          {words.refresh}
        </Button>
      </div>
      <SessionPlot />
    </>
  );
}

function factsOf(device: Device, strings: Strings, language: string): (readonly [string, string])[] {
  const words = strings.settings;
  const unknown = strings.common.unknown;
  const count = (value: number | null): string => (value === null ? unknown : formatCount(value, language));
  const { gpu } = device;
  const connection = [device.online ? words.connectionOnline : words.connectionOffline];
  if (device.metered === true) connection.push(words.connectionMetered);
  if (device.saveData === true) connection.push(words.connectionSaving);
  const facts: [string, string][] = [
    [words.gpu, gpu === null ? words.noGpu : gpu.software ? `${gpu.name.replace(/ \(software\)$/, "")}, ${words.software}` : gpu.name],
    [words.browser, [device.browser, device.browserVersion].filter((part) => part !== null).join(" ") || unknown],
    [words.ram, device.memoryGb === null ? unknown : words.ramValue(formatCount(device.memoryGb, language))],
    [words.cores, count(device.cores)],
    [words.threads, device.threads === null ? unknown : device.threads ? words.yes : words.no],
    [words.connection, connection.join(", ")],
  ];
  if (gpu?.maxBufferBytes != null) facts.push([words.buffer, formatBytes(gpu.maxBufferBytes, language)]);
  return facts;
}
