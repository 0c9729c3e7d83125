import { useSelector } from "@browserllm/react";
import type { JSX } from "react";
import { ErrorPanel } from "../error_panel.tsx";
import { useStrings } from "../strings/index.ts";
import { IconButton } from "../ui/index.ts";
import { CloseIcon } from "../ui/icons.tsx";
import { sentence, useAction } from "../use_action.ts";

/** What happened outside of an answer, until it is dismissed. */
export function Notices(): JSX.Element | null {
  const strings = useStrings().common;
  const notices = useSelector((state) => state.notices);
  const call = useAction();
  if (notices.length === 0) return null;
  return (
    <div className="notices" role="status">
      {notices.map(({ id, kind, text, error }) => (
        <div key={id} className={`notice notice-${kind}`}>
          {error === null ? <p dir="auto">{text}</p> : <ErrorPanel error={{ ...error, message: `${text} ${sentence(error.message)}` }} />}
          <IconButton icon={CloseIcon} size={16} label={strings.dismiss} onClick={() => void call("notices.dismiss", { id })} />
        </div>
      ))}
    </div>
  );
}
