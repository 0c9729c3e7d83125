import type { Strings } from "../index.ts";

export const common: Strings["common"] = {
  add: "إضافة",
  cancel: "إلغاء",
  close: "إغلاق",
  copied: "تم النسخ",
  copy: "نسخ",
  delete: "حذف",
  dismiss: "إخفاء",
  done: "تم",
  edit: "تعديل",
  more: "المزيد",
  notCopied: "لم يسمح المتصفح بالنسخ. حدّد النص وانسخه بنفسك.",
  open: "فتح",
  save: "حفظ",
  undo: "تراجع",
  unknown: "غير معروف",
};
