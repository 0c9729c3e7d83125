import { type ArgsOf, type Cloud, type ErrorInfo, MAX_NAME_CHARS, useCall } from "@browserllm/react";
import { type SubmitEvent, type JSX, useId, useState } from "react";
import { ErrorPanel } from "../error_panel.tsx";
import { infoOf } from "../errors.ts";
import { useStrings } from "../strings/index.ts";
import { Button, Dialog, Select, Switch, TextField } from "../ui/index.ts";
import { useKeeper } from "../use_keeper.ts";

type Vendor = ArgsOf<"clouds.save">["vendor"];

const VENDORS: readonly Vendor[] = ["openai", "anthropic", "gemini", "ollama", "compatible"];

interface CloudFormProps {
  /** The cloud to change, or `null` for a new one. */
  readonly cloud: Cloud | null;
  readonly onClose: () => void;
}

/** Sets up a cloud. The key goes to Python and is never shown again. */
export function CloudForm({ cloud, onClose }: CloudFormProps): JSX.Element {
  const strings = useStrings();
  const words = strings.settings;
  const keys = words.keys[useKeeper()];
  const call = useCall();
  const form = useId();
  const [vendor, setVendor] = useState<Vendor>(() => VENDORS.find((one) => one === cloud?.vendor) ?? "openai");
  const [model, setModel] = useState(cloud?.model ?? "");
  const [label, setLabel] = useState(cloud?.label ?? "");
  const [address, setAddress] = useState(cloud?.baseUrl ?? "");
  const [key, setKey] = useState("");
  const [keep, setKeep] = useState(cloud?.key === "device");
  const [checked, setChecked] = useState(false);
  const [saving, setSaving] = useState(false);
  const [error, setError] = useState<ErrorInfo | null>(null);
  const badModel = model.trim() === "" ? words.cloudModelEmpty : null;
  const badAddress = address.trim() === "" ? (vendor === "compatible" ? words.addressNeeded : null) : /^https?:\/\/[^/\s]/i.test(address.trim()) ? null : words.addressBad;
  const save = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    setChecked(true);
    if (badModel !== null || badAddress !== null) return;
    setSaving(true);
    setError(null);
    try {
      await call("clouds.save", {
        id: cloud?.id ?? null,
        vendor,
        model: model.trim(),
        label: label.trim() === "" ? null : label.trim(),
        baseUrl: address.trim() === "" ? null : address.trim(),
        apiKey: key === "" ? null : key,
        keepKey: keep,
        enabled: cloud?.enabled ?? true,
      });
      onClose();
    } catch (reason) {
      setError(infoOf(reason, strings.chat.failed));
      setSaving(false);
    }
  };
  // A kept key can be forgotten or kept only when it is entered: Python does not take it from memory to the storage.
  const keyFixed = cloud !== null && cloud.key !== "none" && key === "";
  return (
    <Dialog
      title={cloud === null ? words.addCloud : words.editCloud}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{strings.common.cancel}</Button>
          <Button kind="primary" type="submit" form={form} disabled={saving}>
            {strings.common.save}
          </Button>
        </>
      }
    >
      <form id={form} className="stack" noValidate onSubmit={(event) => void save(event)}>
        <Select
          label={words.vendor}
          value={vendor}
          options={VENDORS.map((one) => [one, words.vendors[one]] as const)}
          onChange={(event) => { setVendor(VENDORS.find((one) => one === event.target.value) ?? "openai"); }}
        />
        <TextField label={words.cloudModel} note={words.cloudModelNote} error={checked ? badModel : null} value={model} maxLength={200} autoCapitalize="off" spellCheck={false} onChange={(event) => { setModel(event.target.value); }} />
        {vendor !== "ollama" && (
          <>
            <TextField
              label={words.key}
              note={cloud !== null && cloud.key !== "none" ? words.keyKeep : words.keyNote}
              type="password"
              autoComplete="off"
              spellCheck={false}
              value={key}
              maxLength={1000}
              onChange={(event) => { setKey(event.target.value); }}
            />
            <Switch label={keys.keep} note={keep ? keys.kept : keys.notKept} checked={keep} disabled={keyFixed} onChange={setKeep} />
          </>
        )}
        <TextField
          label={words.address}
          note={words.addressNote}
          error={checked ? badAddress : null}
          type="url"
          inputMode="url"
          dir="ltr"
          placeholder="https://"
          value={address}
          maxLength={2000}
          onChange={(event) => { setAddress(event.target.value); }}
        />
        <TextField label={words.label} note={words.labelNote} value={label} maxLength={MAX_NAME_CHARS} dir="auto" onChange={(event) => { setLabel(event.target.value); }} />
        {error && <ErrorPanel error={{ ...error, actions: [] }} />}
      </form>
    </Dialog>
  );
}
