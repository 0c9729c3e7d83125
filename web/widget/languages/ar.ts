/** The widget in Arabic: the site's `widget-ar.js`, fetched where the page is Arabic. */

import type { ErrorInfo } from "@browserllm/react/state";
import { python } from "../../app/strings/ar/python.ts";
import { errorIn } from "../../app/strings/python.ts";
import type { WidgetTexts } from "../texts.ts";

export const translate = (error: ErrorInfo): ErrorInfo => errorIn(error, python);

export const direction = "rtl";

export const texts: WidgetTexts = {
  label: "نموذج لغوي",
  disabled: "متوقف",
  loading: "يجري التحميل",
  active: "يجيب",
  idle: "جاهز",
  error: "مشكلة",
  notStarted: "لا يُحمَّل شيء قبل أن تبدأ.",
  notStartedModel: "زر البدء يحمّل ما يلزم لتشغيل أي نموذج. أما الزر التالي فينزّل النموذج ويذكر حجمه.",
  noModel: "لا يوجد نموذج في الذاكرة.",
  starting: "يجري البدء",
  downloading: "يجري التنزيل",
  model: "النموذج",
  start: "بدء",
  load: "تحميل",
  switch: "تبديل",
  download: "تنزيل",
  unload: "إخلاء الذاكرة",
  cancel: "إلغاء",
  retry: "إعادة المحاولة",
  dismiss: "إغلاق",
  reload: "إعادة تحميل الصفحة",
  recommended: "الموصى بها",
  onDevice: "على هذا الجهاز",
  others: "غيرها",
  progress: "التقدّم",
  timeLeft: "متبقية",
  perSecond: "/ث",
  of: "من",
  elapsed: "حتى الآن",
  waiting: "لم يصل شيء منذ",
  speed: "متوسط السرعة",
  tokensPerS: "رمز/ث",
  answers: "الإجابات",
  tokens: "الرموز",
  answerTime: "متوسط المدة",
  memory: "الذاكرة",
  lastUsed: "آخر استخدام",
  freed: "يُخلى",
  gpu: "معالج الرسوميات",
  cpu: "المعالج",
  unknownTitle: "لا يوجد نموذج بهذا الاسم",
  unknownText: "لا يبدأ اسم أي نموذج، أو تبدأ أسماء عدة نماذج، بـ «\u2068{name}\u2069».",
  unknownRemedy: "اختر واحدًا من القائمة، مثل: \u2068{models}\u2069.",
};
