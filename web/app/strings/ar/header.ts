import type { Strings } from "../index.ts";
import { own } from "./words.ts";

export const header: Strings["header"] = {
  model: "النموذج",
  auto: "تلقائي",
  autoNote: "أفضل نموذج جاهز",
  onDevice: "على هذا الجهاز",
  clouds: "الخدمات السحابية",
  allModels: "كل النماذج",
  notDownloaded: (size) => `لم يُنزَّل بعد، ${own(size)}`,
  loaded: "جاهز",
  loading: (name, percent) => `يجري تحميل ${own(name)}: ${percent}`,
  route: "من سيجيب عن الرسالة التالية",
  routeFirst: (name) => `سيجيب ${own(name)}`,
  routeNone: "لا شيء يستطيع الإجابة بعد",
  excluded: "لا يستطيع الإجابة",
  context: (used, all) => `المستخدم من نافذة السياق: ${used} من ${all} من الرموز`,
  private: "خاصة",
  privateNote: "لا يغادر هذا الجهازَ شيء من هذه المحادثة.",
  mayLeave: "قد تغادر هذا الجهاز",
  mayLeaveNote: "قد تجيب عن هذه المحادثة خدمة سحابية أعددتَها أنت.",
  onlyCloud: "سحابة فقط",
  settings: "إعدادات هذه المحادثة",
};
