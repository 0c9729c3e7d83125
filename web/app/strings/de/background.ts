import type { Strings } from "../index.ts";

export const background: Strings["background"] = {
  continueOf: (name) => `Download von ${name} im Hintergrund fortsetzen`,
  hereOf: (name) => `Download von ${name} hier fortsetzen`,
  title: (name) => `${name} im Hintergrund weiterladen?`,
  text: (size) => `Dein Browser lädt dann selbst, was noch fehlt (${size}), auch wenn diese Seite geschlossen ist. Der Browser selbst muss geöffnet bleiben.`,
  unknownSize: "Dateien",
  again: (size) => `Davon sind ${size} schon angekommen, in Dateien, die nicht vollständig sind. Diese Dateien werden von vorn geladen.`,
  room: (size) => `Bis sie geprüft sind, gibt es zwei Kopien. Es müssen also ${size} frei sein.`,
  begin: "Im Hintergrund fortsetzen",
  stay: "Hier fortsetzen",
  fetching: "Dein Browser lädt es, auch wenn diese Seite geschlossen ist",
  storing: "Dateien werden geprüft",
  noRoom: (needed, free) => `Der Platz reicht nicht, um im Hintergrund fortzufahren: ${needed} werden gebraucht, und der Browser lässt ${free} zu. Hier geht der Download weiterhin.`,
  refused: (message) => `Der Browser setzt den Download nicht im Hintergrund fort: ${message}. Hier geht er weiterhin.`,
  activity: (name, percent) => `${name}: im Hintergrund, ${percent}`,
  ended: {
    wrong: "Im Hintergrund kam nicht die erwartete Datei an; sie wurde verworfen. Setze fort, um sie neu zu laden.",
    aborted: "Der Download im Hintergrund wurde beendet. Setze ihn hier fort.",
    "bad-status": "Der Server hat im Hintergrund eine Datei verweigert. Setze fort, um es noch einmal zu versuchen.",
    "quota-exceeded": "Im Hintergrund reichte der Platz nicht. Schaffe Platz und setze dann fort.",
    "download-total-exceeded": "Der Server hat mehr gesendet als erwartet, und der Download im Hintergrund wurde beendet. Setze fort, um es noch einmal zu versuchen.",
    other: "Der Download im Hintergrund wurde unterbrochen. Setze ihn hier fort.",
  },
};
