import { type ChatMessage, useSelector } from "@browserllm/react";
import { type JSX, useEffect, useLayoutEffect, useRef, useState } from "react";
import { textOf } from "../message/message.tsx";
import { type Strings, useStrings } from "../strings/index.ts";
import { errorIn } from "../strings/python.ts";
import { Announcements } from "./announcements.ts";

const EVERY_MS = 3000;

/** Reads the answer out to screen readers, politely: new sentences every few seconds, and how it ended. */
export function Announcer({ conversation }: { readonly conversation: string }): JSX.Element {
  const strings = useStrings();
  const answering = useSelector((state) => state.threads[conversation]?.answering ?? null);
  const [followed, setFollowed] = useState(answering);
  if (answering !== null && answering !== followed) setFollowed(answering);
  const message = useSelector((state) => (followed === null ? undefined : state.threads[conversation]?.messages[followed]));
  const live = message?.status === "submitted" || message?.status === "streaming";
  const latest = useRef(message);
  const [announcements] = useState(() => new Announcements());
  const [said, setSaid] = useState("");
  useLayoutEffect(() => {
    latest.current = message;
  });
  useEffect(() => {
    if (!live) return;
    announcements.begin(latest.current ? textOf(latest.current).length : 0);
    const timer = setInterval(() => {
      const text = latest.current ? announcements.next(textOf(latest.current), false) : "";
      if (text !== "") setSaid(text);
    }, EVERY_MS);
    return () => {
      clearInterval(timer);
      if (latest.current) setSaid(`${announcements.next(textOf(latest.current), true)} ${ending(latest.current, strings)}`.trim());
    };
  }, [followed, live, announcements, strings]);
  return (
    <div className="visually-hidden" role="status" aria-live="polite">
      {said}
    </div>
  );
}

function ending(message: ChatMessage, { chat, python }: Strings): string {
  if (message.error) return chat.announceError(errorIn(message.error, python).title);
  return message.status === "stopped" ? chat.announceStopped : chat.announceDone;
}
