/** The script of a notebook's widget, which anywidget runs in the notebook's page. Python reads this file's bundle. */

import type { Model } from "./messages.ts";
import { View } from "./view.ts";

export default {
  render({ model, el }: { readonly model: Model; readonly el: HTMLElement }): () => void {
    const view = new View(model, el, {
      origin: location.origin,
      hostname: location.hostname,
      secure: isSecureContext,
      window,
      // Not randomUUID, which pages that are not secure do not have.
      newId: () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join(""),
    });
    return () => { view.close(); };
  },
};
