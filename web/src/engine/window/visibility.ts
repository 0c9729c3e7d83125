/** Watches in the window whether the page is seen: workers are not told. */

import type { Visibility } from "../environment.ts";

export type VisibilityDocument = Pick<Document, "visibilityState" | "addEventListener">;

/** Report whether the page is seen, now and at every change. Only Chromium says when it freezes a page. */
export function watchVisibility(document: VisibilityDocument, report: (visibility: Visibility) => void): void {
  const reportNow = (): void => { report(document.visibilityState === "visible" ? "visible" : "hidden"); };
  document.addEventListener("visibilitychange", reportNow);
  document.addEventListener("freeze", () => { report("frozen"); });
  document.addEventListener("resume", reportNow);
  reportNow();
}
