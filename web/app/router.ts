/** Where the person is in the app, kept in the address after `#`, so that back, forward, reload and bookmarks work. */

import { useSyncExternalStore } from "react";

export type ViewName = "chat" | "models" | "compare" | "settings" | "welcome";

export interface Place {
  readonly view: ViewName;
  /** What the view shows: the id of a conversation, of a model, the section of the settings. */
  readonly id: string | null;
  /** A part of it: the message of a conversation that a search found. */
  readonly part: string | null;
}

const VIEWS: readonly ViewName[] = ["chat", "models", "compare", "settings", "welcome"];

/** Reads a place from the part of an address after `#`; what is not known is a new chat. */
export function placeOf(hash: string): Place {
  const [name = "", id = "", part = ""] = hash.replace(/^#\/?/, "").split("/");
  const view = VIEWS.find((known) => known === name);
  if (view === undefined) return { view: "chat", id: null, part: null };
  return { view, id: decoded(id), part: decoded(part) };
}

/** Returns the address of a place, for links. */
export function hashOf(view: ViewName, id: string | null = null, part: string | null = null): string {
  return ["#", view, id, id === null ? null : part].filter((step) => step !== null).map((step, at) => (at < 2 ? step : encodeURIComponent(step))).join("/");
}

/** Goes to a place. `replace` leaves no entry in the history, for places that were never chosen by hand. */
export function goTo(view: ViewName, id: string | null = null, { part = null, replace = false }: { part?: string | null; replace?: boolean } = {}): void {
  const hash = hashOf(view, id, part);
  if (hash === location.hash) return;
  if (replace) {
    history.replaceState(history.state, "", hash);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = hash;
  }
}

/** Returns the place at this moment, for handlers of events. */
export function currentPlace(): Place {
  return placeOf(location.hash);
}

/** Returns the place, and draws again when it changes. */
export function usePlace(): Place {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  return placeOf(hash);
}

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => {
    removeEventListener("hashchange", listener);
  };
}

function decoded(step: string): string | null {
  try {
    return step === "" ? null : decodeURIComponent(step);
  } catch {
    return null;
  }
}
