import type { ErrorInfo } from "@browserllm/react";
import { createContext, type JSX, useContext } from "react";
import { goTo } from "./router.ts";
import { useErrorIn, useLanguageCode, useStrings } from "./strings/index.ts";
import { Button } from "./ui/index.ts";
import { WarningIcon } from "./ui/icons.tsx";
import { sentence } from "./use_action.ts";

export type WayOut = ErrorInfo["actions"][number];

interface ErrorPanelProps {
  readonly error: ErrorInfo;
  /** What happened, where the error only says why. */
  readonly before?: string;
  /** What the buttons do where it is not the usual: `retry` and `edit_message` have no usual, and are left out without a function here. */
  readonly run?: Partial<Record<WayOut, () => void>>;
  /** `warn`: all works, but less well. */
  readonly tone?: "bad" | "warn";
}

/** Where the other ways out lead. */
const USUAL_WAYS: Partial<Record<WayOut, () => void>> = {
  reload: () => {
    location.reload();
  },
  free_space: () => {
    goTo("models", "storage");
  },
  use_cloud: () => {
    goTo("settings", "clouds");
  },
  smaller_model: () => {
    goTo("models");
  },
  larger_model: () => {
    goTo("models");
  },
  open_settings: () => {
    goTo("settings");
  },
  open_privacy: () => {
    goTo("settings", "privacy");
  },
};

/** Where ways out lead in this part of the page; pages of others have no views to go to. */
export const Ways = createContext(USUAL_WAYS);

/** What happened. What Python says in English is marked as English, so that it is read and laid out as such. */
export function ErrorMessage({ error }: { readonly error: ReturnType<ReturnType<typeof useErrorIn>> }): JSX.Element | null {
  const language = useLanguageCode();
  if (error.message === "") return null;
  const marks = error.inEnglish && language !== "en" ? { lang: "en", dir: "ltr", className: "quiet small error-english" } : { dir: "auto" };
  return <p {...marks}>{sentence(error.message)}</p>;
}

/** An error where it happened: what went wrong, what to do, and buttons that do it. */
export function ErrorPanel({ error: given, before, run = {}, tone = "bad" }: ErrorPanelProps): JSX.Element {
  const { actionLabels } = useStrings().chat;
  const error = useErrorIn()(given);
  const usual = useContext(Ways);
  const ways = error.actions.map((name) => ({ name, act: run[name] ?? usual[name] })).filter(({ act }) => act !== undefined);
  return (
    <div className={tone === "warn" ? "error-panel error-panel-warn" : "error-panel"} role="group" aria-label={error.title}>
      <WarningIcon size={20} />
      <div className="error-words">
        <strong>{error.title}</strong>
        {before !== undefined && <p dir="auto">{before}</p>}
        <ErrorMessage error={error} />
        {error.remedy !== null && <p>{error.remedy}</p>}
        {ways.length > 0 && (
          <div className="error-ways">
            {ways.map(({ name, act }, index) => (
              <Button key={name} small kind={index === 0 && tone === "bad" ? "primary" : "plain"} onClick={act}>
                {actionLabels[name]}
              </Button>
            ))}
          </div>
        )}
      </div>
    </div>
  );
}
