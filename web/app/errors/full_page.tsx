import type { ErrorInfo } from "@browserllm/react";
import { type JSX, useContext, useEffect, useRef } from "react";
import { ErrorMessage, type WayOut, Ways } from "../error_panel.tsx";
import { useErrorIn, useStrings } from "../strings/index.ts";
import { Button } from "../ui/index.ts";
import { WarningIcon } from "../ui/icons.tsx";
import { CopyButton } from "../message/copy_button.tsx";
import "./full_page.css";

interface FullPageProps {
  readonly error: ErrorInfo;
  readonly run?: Partial<Record<WayOut, () => void>>;
}

/** A problem that leaves nothing else to show: what happened, what to do, and what a report needs. */
export function FullPageProblem({ error: given, run = {} }: FullPageProps): JSX.Element {
  const strings = useStrings();
  const error = useErrorIn()(given);
  const usual = useContext(Ways);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus();
  }, [error.title]);
  const ways = error.actions.map((name) => ({ name, act: run[name] ?? usual[name] })).filter(({ act }) => act !== undefined);
  const details = detailsOf(error);
  return (
    <div className="full-problem">
      <WarningIcon size={32} />
      <h1 ref={heading} tabIndex={-1}>
        {error.title}
      </h1>
      <ErrorMessage error={error} />
      {error.remedy !== null && (
        <p className="full-remedy" dir="auto">
          {error.remedy}
        </p>
      )}
      {ways.length > 0 && (
        <div className="section-buttons">
          {ways.map(({ name, act }, index) => (
            <Button key={name} kind={index === 0 ? "primary" : "plain"} onClick={act}>
              {strings.chat.actionLabels[name]}
            </Button>
          ))}
        </div>
      )}
      <details>
        <summary>{strings.problems.details}</summary>
        <pre dir="ltr">{details}</pre>
        <CopyButton text={() => details} label={strings.problems.copyDetails} />
      </details>
    </div>
  );
}

/** What is worth telling in a report: nothing that a person wrote. */
function detailsOf({ code, data }: ErrorInfo): string {
  return [`code: ${code}`, `data: ${JSON.stringify(data)}`, `browser: ${navigator.userAgent}`, `online: ${String(navigator.onLine)}`, `isolated: ${String(globalThis.crossOriginIsolated)}`].join("\n");
}
