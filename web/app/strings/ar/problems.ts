import type { Strings } from "../index.ts";
import { own } from "./words.ts";

export const problems: Strings["problems"] = {
  tooOldTitle: "هذا المتصفح قديم جدًا",
  tooOldText: (missing) => `ينقصه ${own(missing)} الذي يحتاج إليه التطبيق.`,
  tooOldRemedy: "حدّثه، أو استخدم إصدارًا حديثًا من Chrome أو Edge أو Firefox أو Safari.",
  offlineTitle: "أنت غير متصل بالإنترنت",
  offlineText: "التطبيق غير محفوظ على هذا الجهاز بعد، ولا يمكن جلبه الآن.",
  offlineRemedy: "اتصل بالشبكة وأعد المحاولة. بعد الزيارة الأولى يفتح التطبيق دون اتصال أيضًا.",
  pythonTitle: "تعذّر تشغيل بايثون",
  pythonText: (reason) => `كُتب التطبيق بلغة بايثون، وهي تعمل داخل هذه الصفحة. لم تبدأ: ${own(reason)}`,
  pythonRemedy: "أعد المحاولة. إن لم ينفع ذلك فأعد تحميل الصفحة؛ فقد يحجب مانع إعلانات أو شبكة مقيّدة ملفاتها (‎.wasm).",
  partNotFetched: "تعذّر جلب هذا الجزء من التطبيق: انقطع الاتصال بالشبكة، أو صدرت نسخة أحدث من الموقع. تحقق من الاتصال ثم أعد تحميل الصفحة.",
  nothingTitle: "لا يمكن لأي نموذج أن يعمل هنا",
  nothingText: "لا يعمل أي من المحركات في هذا المتصفح، ولم تُعدّ أي خدمة سحابية.",
  details: "تفاصيل للإبلاغ عن المشكلة",
  copyDetails: "نسخ التفاصيل",
};
