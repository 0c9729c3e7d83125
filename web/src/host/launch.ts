/** What the program that launched this browser says to its page. */

import { isRecord } from "../engine/fields.ts";

/** Python's side: `page/chrome/launch.py`. */
const NAME = "browserllmLaunch";

export interface Launch {
  /** Opens Python's WebSocket, once. */
  readonly secret: string;
  /** Whether a person may see this page. */
  readonly seen: boolean;
}

/** Take it from the page's globals, so that it is there for no other script; null when no program launched this browser. */
export function takeLaunch(scope: object): Launch | null {
  const globals = scope as Record<string, unknown>;
  // An element of the document that has the name would be found too: only what a script has set is an own property.
  const value = Object.hasOwn(globals, NAME) ? globals[NAME] : null;
  Reflect.deleteProperty(globals, NAME);
  if (!isRecord(value) || typeof value["secret"] !== "string" || value["secret"] === "") return null;
  return { secret: value["secret"], seen: value["seen"] === true };
}
