import type { Strings } from "../index.ts";

export const problems: Strings["problems"] = {
  tooOldTitle: "Dieser Browser ist zu alt",
  tooOldText: (missing) => `Ihm fehlt ${missing}, das die App braucht.`,
  tooOldRemedy: "Aktualisiere ihn, oder nimm einen aktuellen Chrome, Edge, Firefox oder Safari.",
  offlineTitle: "Du bist offline",
  offlineText: "Die App ist noch nicht auf diesem Gerät und kann jetzt nicht geholt werden.",
  offlineRemedy: "Verbinde dich mit dem Netz und versuche es noch einmal. Nach dem ersten Besuch öffnet die App auch offline.",
  pythonTitle: "Python konnte nicht starten",
  pythonText: (reason) => `Die App ist in Python geschrieben, das in dieser Seite läuft. Es startete nicht: ${reason}`,
  pythonRemedy: "Versuche es noch einmal. Hilft das nicht, lade die Seite neu; vielleicht hält ein Blocker oder ein strenges Netz ihre Dateien (.wasm) zurück.",
  partNotFetched: "Dieser Teil der App konnte nicht geholt werden: Das Netz fehlt, oder die Seite hat eine neuere Version. Prüfe die Verbindung und lade die Seite neu.",
  nothingTitle: "Hier kann kein Modell laufen",
  nothingText: "Keine der Engines läuft in diesem Browser, und keine Cloud ist eingerichtet.",
  details: "Angaben für einen Bericht",
  copyDetails: "Angaben kopieren",
};
