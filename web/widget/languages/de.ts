/** The widget in German: the site's `widget-de.js`, fetched where the page is German. */

import type { ErrorInfo } from "@browserllm/react/state";
import { python } from "../../app/strings/de/python.ts";
import { errorIn } from "../../app/strings/python.ts";
import type { WidgetTexts } from "../texts.ts";

export const translate = (error: ErrorInfo): ErrorInfo => errorIn(error, python);

export const direction = "ltr";

export const texts: WidgetTexts = {
  label: "Sprachmodell",
  disabled: "Aus",
  loading: "Lädt",
  active: "Antwortet",
  idle: "Bereit",
  error: "Problem",
  notStarted: "Nichts wird geladen, bevor du startest.",
  notStartedModel: "Start lädt, was ein Modell zum Laufen braucht. Die nächste Schaltfläche lädt das Modell herunter und nennt seine Größe.",
  noModel: "Kein Modell ist im Arbeitsspeicher.",
  starting: "Startet",
  downloading: "Wird heruntergeladen",
  model: "Modell",
  start: "Start",
  load: "Laden",
  switch: "Wechseln",
  download: "Herunterladen",
  unload: "Entladen",
  cancel: "Abbrechen",
  retry: "Noch einmal versuchen",
  dismiss: "Schließen",
  reload: "Seite neu laden",
  recommended: "Empfohlen",
  onDevice: "Auf diesem Gerät",
  others: "Andere",
  progress: "Fortschritt",
  timeLeft: "übrig",
  perSecond: "/s",
  of: "von",
  elapsed: "bisher",
  waiting: "nichts ist angekommen seit",
  speed: "Geschwindigkeit im Mittel",
  tokensPerS: "Tokens/s",
  answers: "Antworten",
  tokens: "Tokens",
  answerTime: "Zeit im Mittel",
  memory: "Arbeitsspeicher",
  lastUsed: "Zuletzt benutzt",
  freed: "Wird entladen",
  gpu: "GPU",
  cpu: "CPU",
  unknownTitle: "Dieses Modell gibt es nicht",
  unknownText: "Kein Modell beginnt mit „{name}“, oder mehrere.",
  unknownRemedy: "Wähle eines aus der Liste, zum Beispiel: {models}.",
};
