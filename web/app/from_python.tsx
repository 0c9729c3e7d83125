import type { JSX } from "react";
import { useLanguageCode } from "./strings/index.ts";

/** A sentence that Python says in English alone. In another language it is marked, so that it is read and laid out as English. */
export function FromPython({ children }: { readonly children: string }): JSX.Element {
  const isEnglish = useLanguageCode() === "en";
  return isEnglish ? <>{children}</> : (
    <bdi lang="en" dir="ltr">
      {children}
    </bdi>
  );
}
