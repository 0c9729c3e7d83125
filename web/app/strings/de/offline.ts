import type { Strings } from "../index.ts";

export const offline: Strings["offline"] = {
  updateReady: "Eine neue Version dieser App ist bereit.",
  updateAfterAnswer: "Eine neue Version ist bereit und kann nach dieser Antwort geöffnet werden.",
  update: "Neu laden",
  install: "Als App installieren",
};
