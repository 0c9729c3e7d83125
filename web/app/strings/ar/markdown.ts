import type { Strings } from "../index.ts";
import { number } from "./words.ts";

export const markdown: Strings["markdown"] = {
  copyCode: "نسخ",
  table: "جدول",
  rowsLeftOut: (shown, all) => `تُعرض أول ${number(shown)} من أصل ${number(all)} من الصفوف. انسخ الإجابة للحصول عليها كلها.`,
};
