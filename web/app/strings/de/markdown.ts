import type { Strings } from "../index.ts";

export const markdown: Strings["markdown"] = {
  copyCode: "Kopieren",
  table: "Tabelle",
  rowsLeftOut: (shown, all) => `Die ersten ${shown} von ${all} Zeilen sind zu sehen. Kopiere die Antwort, um alle zu haben.`,
};
