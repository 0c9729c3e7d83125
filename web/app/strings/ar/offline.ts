import type { Strings } from "../index.ts";

export const offline: Strings["offline"] = {
  updateReady: "تتوفر نسخة جديدة من هذا التطبيق.",
  updateAfterAnswer: "تتوفر نسخة جديدة، ويمكن فتحها بعد هذه الإجابة.",
  update: "إعادة التحميل",
  install: "تثبيت كتطبيق",
};
