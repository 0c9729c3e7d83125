import type { Strings } from "../index.ts";

export const plot: Strings["plot"] = {
  title: "Diese Sitzung",
  speed: "Geschwindigkeit",
  speedUnit: "Tokens/s",
  memory: "Arbeitsspeicher der Modelle",
  none: "Sobald ein Modell auf diesem Gerät geantwortet hat, stehen hier seine Geschwindigkeit und sein Arbeitsspeicher.",
  point: (model, time, value) => `${model}, ${time}: ${value}`,
  summary: (name, points, low, high, last) => points === "1" ? `${name}: 1 Antwort, ${last}` : `${name}: ${points} Antworten, von ${low} bis ${high}, die letzte ${last}`,
  showTable: "Als Tabelle zeigen",
  table: "Alle Antworten dieser Sitzung",
  time: "Zeit",
  model: "Modell",
  answers: "Antworten",
  tokens: "Geschriebene Tokens",
  meanSpeed: "Mittlere Geschwindigkeit",
  meanAnswer: "Mittlere Dauer",
};
