import type { Strings } from "../index.ts";
import { own } from "./words.ts";

export const welcome: Strings["welcome"] = {
  title: "نموذج لغوي خاص بك",
  intro: "يعمل داخل هذا المتصفح، على هذا الجهاز.",
  private: "خاص",
  privateText: "ما تكتبه وما يجيب به يبقيان هنا. لا حساب، ولا خادم يطّلع على شيء.",
  offline: "يعمل دون اتصال",
  offlineText: "ما إن يصبح النموذج هنا حتى يستغني عن الشبكة.",
  ready: "جاهز الآن",
  readyText: (name) => `${own(name)} نموذج صغير جدًا جاء مع التطبيق ويجيب فورًا. ولصغره فهو للّعب لا للمعرفة.`,
  soFar: (size) => `جرى تنزيل ${own(size)} حتى الآن: التطبيق وبايثون والنموذج المدمج.`,
  nothingMore: "لا يُنزَّل شيء آخر ما لم تختره هنا.",
  choose: "للحصول على إجابات أفضل اختر نموذجًا",
  chooseText: "يستمر التنزيل في الخلفية وأنت تتحدث، وحين ينتهي يتولى النموذج الإجابة.",
  chosen: "يجري تنزيله. يمكنك أن تبدأ الآن.",
  start: "ابدأ المحادثة",
  all: "كل النماذج",
  space: (size) => `المساحة الخالية في تخزين هذا المتصفح: ${own(size)}.`,
  looking: "يجري البحث عن النماذج التي تناسب هذا الجهاز",
  noneFits: "لا يناسب هذا الجهازَ نموذج آخر. النموذج المدمج هو الذي يجيب.",
  activity: "التنزيلات",
  activityOne: (name, percent) => `${own(name)}: ${percent}`,
  activityMany: (count, percent) => `التنزيلات (${count}): ${percent}`,
  activityPaused: (name) => `${own(name)}: متوقف مؤقتًا`,
  activityFailed: (name) => `${own(name)}: فشل التنزيل`,
};
