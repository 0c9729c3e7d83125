import { type Cloud, type ErrorInfo, useCall, useSelector } from "@browserllm/react";
import { type JSX, useEffect, useRef, useState } from "react";
import { ErrorPanel } from "../error_panel.tsx";
import { infoOf } from "../errors.ts";
import { useStrings } from "../strings/index.ts";
import { Badge, Button, Confirm, IconButton, Switch } from "../ui/index.ts";
import { AddIcon, CheckIcon, EditIcon, TrashIcon } from "../ui/icons.tsx";
import { useAction } from "../use_action.ts";
import { useKeeper } from "../use_keeper.ts";
import { CloudForm } from "./cloud_form.tsx";
import { useSetting } from "./use_setting.ts";

/** The cloud models that may answer, with the keys for them. */
export function Clouds(): JSX.Element {
  const strings = useStrings().settings;
  const clouds = Object.values(useSelector((state) => state.clouds));
  const [never, setNever] = useSetting("neverLeaveDevice");
  const [adding, setAdding] = useState(false);
  return (
    <>
      <p>{strings.cloudsIntro}</p>
      {never && (
        <div className="settings-note">
          <p>{strings.cloudsNever}</p>
          <Button small onClick={() => { setNever(false); }}>
            {strings.cloudsTurnOff}
          </Button>
        </div>
      )}
      {clouds.length === 0 ? (
        <p className="quiet">{strings.noClouds}</p>
      ) : (
        <ul className="cards">
          {clouds.map((cloud) => (
            <CloudCard key={cloud.id} cloud={cloud} />
          ))}
        </ul>
      )}
      <div>
        <Button icon={AddIcon} kind={clouds.length === 0 ? "primary" : "plain"} onClick={() => { setAdding(true); }}>
          {strings.addCloud}
        </Button>
      </div>
      {adding && <CloudForm cloud={null} onClose={() => { setAdding(false); }} />}
    </>
  );
}

type Tested = { readonly state: "idle" | "asking" | "works" } | { readonly state: "failed"; readonly error: ErrorInfo };

function CloudCard({ cloud }: { readonly cloud: Cloud }): JSX.Element {
  const strings = useStrings();
  const words = strings.settings;
  const keeper = useKeeper();
  const act = useAction();
  const { tested, test } = useTest(cloud.id);
  const [open, setOpen] = useState<"form" | "delete" | null>(null);
  const { id, vendor, model, label, baseUrl } = cloud;
  return (
    <li className="card">
      <div className="card-head">
        <div className="card-words">
          <h2 dir="auto">{label}</h2>
          <p className="field-note">
            {words.vendors[vendor as keyof typeof words.vendors]} · {model}
            {baseUrl !== null && ` · ${baseUrl}`}
          </p>
        </div>
        <Badge tone={cloud.key === "device" ? "warn" : "plain"}>{cloud.key === "none" ? words.noKey : words.keys[keeper][cloud.key]}</Badge>
      </div>
      <Switch
        label={words.enabledOf(label)}
        checked={cloud.enabled}
        onChange={(enabled) => void act("clouds.save", { id, vendor: vendor as never, model, label, baseUrl, keepKey: cloud.key === "device", enabled })}
      />
      <div className="section-buttons">
        <Button small disabled={tested.state === "asking"} aria-label={words.testOf(label)} onClick={() => void test()}>
          {words.test}
        </Button>
        <IconButton icon={EditIcon} label={words.editOf(label)} onClick={() => { setOpen("form"); }} />
        <IconButton icon={TrashIcon} label={words.deleteOf(label)} onClick={() => { setOpen("delete"); }} />
        <span role="status" className="card-status">
          {tested.state === "asking" && words.testing(label)}
          {tested.state === "works" && (
            <Badge tone="good" icon={CheckIcon}>
              {words.testWorks(label)}
            </Badge>
          )}
        </span>
      </div>
      {tested.state === "failed" && <ErrorPanel error={{ ...tested.error, actions: tested.error.actions.filter((way) => way !== "open_settings") }} run={{ retry: () => void test() }} />}
      {open === "form" && <CloudForm cloud={cloud} onClose={() => { setOpen(null); }} />}
      {open === "delete" && (
        <Confirm
          title={words.deleteCloudTitle(label)}
          text={words.deleteCloudText}
          verb={strings.common.delete}
          onConfirm={() => void act("clouds.delete", { id })}
          onClose={() => { setOpen(null); }}
        />
      )}
    </li>
  );
}

/** Asks a cloud for a sign of life; leaving the page gives it up. */
function useTest(id: string): { readonly tested: Tested; readonly test: () => Promise<void> } {
  const call = useCall();
  const failed = useStrings().chat.failed;
  const [tested, setTested] = useState<Tested>({ state: "idle" });
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => { running.current?.abort(); }, []);
  const test = async (): Promise<void> => {
    const stop = (running.current = new AbortController());
    setTested({ state: "asking" });
    let error: ErrorInfo | null;
    try {
      error = await call("clouds.test", { id }, { signal: stop.signal });
    } catch (reason) {
      error = infoOf(reason, failed);
    }
    if (!stop.signal.aborted) setTested(error === null ? { state: "works" } : { state: "failed", error });
  };
  return { tested, test };
}
