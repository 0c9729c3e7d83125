import { useSelector } from "@browserllm/react";
import type { JSX } from "react";
import { ErrorPanel } from "../error_panel.tsx";
import { useStrings } from "../strings/index.ts";
import { noticeIn } from "../strings/python.ts";
import { IconButton } from "../ui/index.ts";
import { CloseIcon } from "../ui/icons.tsx";
import { useAction } from "../use_action.ts";

/** What happened outside of an answer, until it is dismissed. */
export function Notices(): JSX.Element | null {
  const { common, python } = useStrings();
  const notices = useSelector((state) => state.notices);
  const call = useAction();
  if (notices.length === 0) return null;
  return (
    <div className="notices" role="status">
      {notices.map((notice) => (
        <div key={notice.id} className={`notice notice-${notice.kind}`}>
          {notice.error === null ? <p dir="auto">{noticeIn(notice, python)}</p> : <ErrorPanel error={notice.error} before={noticeIn(notice, python)} />}
          <IconButton icon={CloseIcon} size={16} label={common.dismiss} onClick={() => void call("notices.dismiss", { id: notice.id })} />
        </div>
      ))}
    </div>
  );
}
