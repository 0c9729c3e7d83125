import type { ErrorInfo } from "@browserllm/react";
import { createContext, type JSX, useContext } from "react";
import { goTo } from "./router.ts";
import { useStrings } from "./strings/index.ts";
import { Button } from "./ui/index.ts";
import { WarningIcon } from "./ui/icons.tsx";
import { sentence } from "./use_action.ts";

export type WayOut = ErrorInfo["actions"][number];

interface ErrorPanelProps {
  readonly error: ErrorInfo;
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

/** An error where it happened: what went wrong, what to do, and buttons that do it. */
export function ErrorPanel({ error, run = {}, tone = "bad" }: ErrorPanelProps): JSX.Element {
  const { actionLabels } = useStrings().chat;
  const usual = useContext(Ways);
  const ways = error.actions.map((name) => ({ name, act: run[name] ?? usual[name] })).filter(({ act }) => act !== undefined);
  return (
    <div className={tone === "warn" ? "error-panel error-panel-warn" : "error-panel"} role="group" aria-label={error.title}>
      <WarningIcon size={20} />
      <div className="error-words">
        <strong>{error.title}</strong>
        {error.message !== "" && <p dir="auto">{sentence(error.message)}</p>}
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
