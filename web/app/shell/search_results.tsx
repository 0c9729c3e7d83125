import { type SearchHit, useCall, useSelector } from "@browserllm/react";
import { type JSX, useEffect, useState } from "react";
import { infoOf } from "../errors.ts";
import { hashOf } from "../router.ts";
import { useStrings } from "../strings/index.ts";
import { toldIn } from "../use_action.ts";

const PAUSE_MS = 150;
const MOST_HITS = 50;

interface Found {
  readonly text: string;
  readonly hits: readonly SearchHit[];
  readonly problem: string | null;
}

/** What contains the text: titles at once, messages as soon as they are searched. */
export function SearchResults({ text }: { readonly text: string }): JSX.Element {
  const strings = useStrings();
  const call = useCall();
  const conversations = useSelector((state) => state.conversations);
  const [found, setFound] = useState<Found>({ text: "", hits: [], problem: null });
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(() => {
      call("conversations.search", { text, limit: MOST_HITS + 1 }, { signal: stop.signal }).then(
        (hits) => { setFound({ text, hits, problem: null }); },
        (error: unknown) => {
          const info = infoOf(error, strings.chat.failed);
          if (info) setFound({ text, hits: [], problem: toldIn(info, strings) });
        },
      );
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [call, text, strings]);
  const done = found.text === text;
  const named = new Set(done ? found.hits.filter((hit) => hit.message === "").map((hit) => hit.conversation) : []);
  const titled = Object.values(conversations).filter((one) => named.has(one.id) || one.title.toLocaleLowerCase().includes(text.toLocaleLowerCase()));
  // A hit without a message is a title, which is in the list above.
  const all = found.hits.filter((hit) => hit.message !== "" && conversations[hit.conversation] !== undefined);
  const more = found.hits.length > MOST_HITS;
  const hits = all.slice(0, MOST_HITS);
  return (
    <>
      {titled.length > 0 && (
        <section>
          <h2 role="status">{strings.shell.titles(titled.length)}</h2>
          <ul>
            {titled.map((one) => (
              <li key={one.id} className="entry">
                <a href={hashOf("chat", one.id)} dir="auto">
                  <span className="entry-title">{one.title}</span>
                </a>
              </li>
            ))}
          </ul>
        </section>
      )}
      {hits.length > 0 && (
        <section>
          <h2 role="status">{more ? strings.shell.manyHits(hits.length) : strings.shell.hits(hits.length)}</h2>
          <ul>
            {hits.map((hit) => (
              <li key={`${hit.conversation} ${hit.message}`} className="entry">
                <a href={hashOf("chat", hit.conversation, hit.message)} className="hit" dir="auto">
                  <span className="entry-title">{conversations[hit.conversation]?.title || strings.shell.untitled}</span>
                  <span className="hit-text">{hit.excerpt}</span>
                </a>
              </li>
            ))}
          </ul>
        </section>
      )}
      {done && found.problem !== null && <p className="sidebar-empty">{found.problem}</p>}
      {done && found.problem === null && titled.length === 0 && hits.length === 0 && (
        <p className="sidebar-empty" role="status">
          {strings.shell.noHits(text)}
        </p>
      )}
    </>
  );
}
