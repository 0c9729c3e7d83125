import type { Strings } from "../index.ts";
import { own } from "./words.ts";

export const plot: Strings["plot"] = {
  title: "هذه الجلسة",
  speed: "السرعة",
  speedUnit: "رمز/ث",
  memory: "ذاكرة النماذج",
  none: "بعد أن يجيب نموذج على هذا الجهاز تُرسم هنا سرعته وذاكرته.",
  point: (model, time, value) => `${own(model)}، ${own(time)}: ${own(value)}`,
  summary: (name, points, low, high, last) => `${name}: عدد الإجابات ${points}، من ${own(low)} إلى ${own(high)}، وآخرها ${own(last)}`,
  showTable: "العرض كجدول",
  table: "كل إجابات هذه الجلسة",
  time: "الوقت",
  model: "النموذج",
  answers: "الإجابات",
  tokens: "الرموز المكتوبة",
  meanSpeed: "متوسط السرعة",
  meanAnswer: "متوسط مدة الإجابة",
};
