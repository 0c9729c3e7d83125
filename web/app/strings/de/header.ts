import type { Strings } from "../index.ts";

export const header: Strings["header"] = {
  model: "Modell",
  auto: "Automatisch",
  autoNote: "Das beste, das bereit ist",
  onDevice: "Auf diesem Gerät",
  clouds: "Clouds",
  allModels: "Alle Modelle",
  notDownloaded: (size) => `noch nicht heruntergeladen, ${size}`,
  loaded: "bereit",
  loading: (name, percent) => `${name} wird geladen: ${percent}`,
  route: "Wer als Nächstes antworten würde",
  routeFirst: (name) => `${name} würde antworten`,
  routeNone: "Noch kann nichts antworten",
  excluded: "Kann nicht antworten",
  context: (used, all) => `${used} von ${all} Tokens des Kontextfensters sind belegt`,
  private: "Privat",
  privateNote: "Nichts aus diesem Gespräch verlässt dieses Gerät.",
  mayLeave: "Darf das Gerät verlassen",
  mayLeaveNote: "Eine Cloud, die du eingerichtet hast, darf auf dieses Gespräch antworten.",
  onlyCloud: "Nur Cloud",
  settings: "Einstellungen dieses Gesprächs",
};
