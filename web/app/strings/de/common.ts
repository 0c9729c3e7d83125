import type { Strings } from "../index.ts";

export const common: Strings["common"] = {
  add: "Hinzufügen",
  cancel: "Abbrechen",
  close: "Schließen",
  copied: "Kopiert",
  copy: "Kopieren",
  delete: "Löschen",
  dismiss: "Ausblenden",
  done: "Fertig",
  edit: "Bearbeiten",
  more: "Mehr",
  notCopied: "Der Browser hat das Kopieren nicht erlaubt. Markiere den Text und kopiere ihn von Hand.",
  open: "Öffnen",
  save: "Speichern",
  undo: "Rückgängig",
  unknown: "nicht bekannt",
};
