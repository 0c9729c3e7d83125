import { type JSX, useEffect, useState } from "react";
import { copyText } from "../copy.ts";
import { useStrings } from "../strings/index.ts";
import { IconButton } from "../ui/index.ts";
import { CheckIcon, CopyIcon } from "../ui/icons.tsx";
import { useToast } from "../ui/toast.tsx";

const SHOWN_MS = 1500;

/** Copies a text, and says that it did. */
export function CopyButton({ text, label }: { readonly text: () => string; readonly label?: string }): JSX.Element {
  const strings = useStrings().common;
  const toast = useToast();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => {
      setCopied(false);
    }, SHOWN_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [copied]);
  return (
    <IconButton
      icon={copied ? CheckIcon : CopyIcon}
      size={18}
      label={copied ? strings.copied : (label ?? strings.copy)}
      onClick={() => {
        copyText(text()).then(
          () => {
            setCopied(true);
          },
          () => {
            toast({ kind: "bad", text: strings.notCopied });
          },
        );
      }}
    />
  );
}
