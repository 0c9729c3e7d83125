import { type RouteInfo, shallowEqual, useCall, useSelector } from "@browserllm/react";
import { createContext, type JSX, type ReactNode, useContext, useEffect, useState } from "react";
import { useDraftFacts } from "../composer/draft_facts.ts";

const PAUSE_MS = 200;

const RouteContext = createContext<RouteInfo | null>(null);

/** Returns who would answer the next message of the open conversation, or the first one of a new one; `null` if not known. */
export function useRoute(): RouteInfo | null {
  return useContext(RouteContext);
}

interface RouteProviderProps {
  /** The open conversation, or `null` for a new one. */
  readonly conversation: string | null;
  readonly children: ReactNode;
}

/** Asks who would answer next whenever that may have changed, also by what is being written. */
export function RouteProvider({ conversation, children }: RouteProviderProps): JSX.Element {
  const call = useCall();
  const open = useSelector((state) => conversation === null || state.threads[conversation] !== undefined);
  const kept = useSelector((state) => (conversation === null ? null : (state.threads[conversation]?.route ?? null)));
  const [first, setFirst] = useState<RouteInfo | null>(null);
  const draft = useDraftFacts();
  const facts = useSelector(
    (state) => [conversation === null ? null : state.conversations[conversation]?.settings, state.loaded, state.clouds, state.settings, state.device?.online, state.threads[conversation ?? ""]?.status],
    shallowEqual,
  );
  useEffect(() => {
    if (!open) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      call("chat.explain", { conversation, ...draft }, { signal: stop.signal }).then(
        (route) => { if (conversation === null) setFirst(route); },
        () => undefined, // Only a hint: without an answer the header says less.
      );
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [call, conversation, open, facts, draft]);
  return <RouteContext value={conversation === null ? first : kept}>{children}</RouteContext>;
}
