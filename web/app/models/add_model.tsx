import { useCall, useClient } from "@browserllm/react";
import { type SubmitEvent, type JSX, useState } from "react";
import { useBackground } from "../background.ts";
import { ErrorPanel } from "../error_panel.tsx";
import { useStrings } from "../strings/index.ts";
import { Button, Dialog, Progress, TextField, useToast } from "../ui/index.ts";
import { FolderIcon } from "../ui/icons.tsx";

interface AddModelProps {
  readonly onClose: () => void;
}

/** Adds a custom model, from a folder or an address. It stays open until that has worked, or is given up. */
export function AddModel({ onClose }: AddModelProps): JSX.Element {
  const strings = useStrings();
  const words = strings.models;
  const call = useCall();
  const { getState } = useClient();
  const toast = useToast();
  const work = useBackground("add model");
  const [address, setAddress] = useState("");
  const [id, setId] = useState("");
  const [wrong, setWrong] = useState<{ readonly address?: string; readonly id?: string }>({});
  const add = (source: string | null): void => {
    const name = id.trim();
    if (getState().models[name]) {
      setWrong({ id: words.addIdTaken(name) });
      return;
    }
    setWrong({});
    void work
      .start(async (signal) => {
        const added = await call("models.add", { source, id: name === "" ? null : name }, { signal });
        toast({ text: words.added(getState().models[added]?.name ?? added) });
      })
      .then((worked) => {
        if (worked) onClose();
      });
  };
  const close = (): void => {
    work.stop();
    work.clearError();
    onClose();
  };
  return (
    <Dialog title={words.addTitle} onClose={close} footer={<Button onClick={close}>{strings.common.cancel}</Button>}>
      <div className="stack">
        {work.running ? (
          <div className="download-bar" role="status">
            <Progress value={null} label={words.adding} />
            <p className="download-facts">{words.adding}</p>
          </div>
        ) : (
          work.error && <ErrorPanel error={{ ...work.error, title: words.addFailed, remedy: null, actions: [] }} />
        )}
        <TextField label={words.addId} note={words.addIdNote} error={wrong.id} value={id} maxLength={100} disabled={work.running} onChange={(event) => { setId(event.target.value); }} />
        <form
          className="stack"
          noValidate
          onSubmit={(event: SubmitEvent) => {
            event.preventDefault();
            if (isAddress(address.trim())) add(address.trim());
            else setWrong({ address: words.addAddressBad });
          }}
        >
          <h3>{words.addAddress}</h3>
          <TextField
            label={words.addAddressLabel}
            note={words.addAddressNote}
            error={wrong.address}
            type="url"
            inputMode="url"
            placeholder="https://"
            dir="ltr"
            value={address}
            disabled={work.running}
            onChange={(event) => { setAddress(event.target.value); }}
          />
          <div>
            <Button kind="primary" type="submit" disabled={work.running}>
              {words.add}
            </Button>
          </div>
        </form>
        <section className="stack">
          <h3>{words.addFolder}</h3>
          <p className="field-note">{words.addFolderText}</p>
          <div>
            <Button icon={FolderIcon} disabled={work.running} onClick={() => { add(null); }}>
              {words.addFolderButton}
            </Button>
          </div>
        </section>
      </div>
    </Dialog>
  );
}

function isAddress(text: string): boolean {
  return /^https?:\/\/[^/\s]/i.test(text) && URL.canParse(text);
}
