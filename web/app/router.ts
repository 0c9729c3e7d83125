/** Where the person is in the app, kept in the address after `#`, so that back, forward, reload and bookmarks work. */

import { useSyncExternalStore } from "react";

export type ViewName = "chat" | "models" | "compare" | "settings" | "welcome";

export interface Place {
  readonly view: ViewName;
  /** What the view shows: the id of a conversation, of a model, the section of the settings. */
  readonly id: string | null;
}

const VIEWS: readonly ViewName[] = ["chat", "models", "compare", "settings", "welcome"];

/** Reads a place from the part of an address after `#`; what is not known is a new chat. */
export function placeOf(hash: string): Place {
  const [name = "", id = ""] = hash.replace(/^#\/?/, "").split("/", 2);
  const view = VIEWS.find((known) => known === name);
  return { view: view ?? "chat", id: view === undefined || id === "" ? null : decoded(id) };
}

/** Returns the address of a place, for links. */
export function hashOf(view: ViewName, id: string | null = null): string {
  return id === null ? `#/${view}` : `#/${view}/${encodeURIComponent(id)}`;
}

/** Goes to a place. `replace` leaves no entry in the history, for places that were never chosen by hand. */
export function goTo(view: ViewName, id: string | null = null, { replace = false } = {}): void {
  const hash = hashOf(view, id);
  if (hash === location.hash) return;
  if (replace) {
    history.replaceState(history.state, "", hash);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = hash;
  }
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

function decoded(id: string): string | null {
  try {
    return decodeURIComponent(id);
  } catch {
    return null;
  }
}
