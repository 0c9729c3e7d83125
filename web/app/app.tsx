import "./theme.css";
import "./print.css";
import "./ui/ui.css";
import { type Boot, useCall, useConnection, useSelector } from "@browserllm/react";
import { type JSX, useEffect } from "react";
import { formatBytes } from "./format.ts";
import { FullPageProblem } from "./errors/full_page.tsx";
import { lookAround, startProblem } from "./errors/start_problem.ts";
import { OfflineSupport } from "./offline/offline_support.tsx";
import { Shell } from "./shell/shell.tsx";
import { directionOf, LanguageContext, type Strings, useLanguage, useLanguageCode, useStrings } from "./strings/index.ts";
import { ToastProvider, Tooltips } from "./ui/index.ts";
import { Progress } from "./ui/progress.tsx";

/** The whole app, inside a provider of @browserllm/react. */
export function App(): JSX.Element {
  const setting = useSelector((state) => state.settings.language);
  const theme = useSelector((state) => state.settings.theme);
  const reduceMotion = useSelector((state) => state.settings.reduceMotion);
  const language = useLanguage(setting);
  useEffect(() => {
    const root = document.documentElement;
    root.lang = language.code;
    root.dir = directionOf(language.code);
    root.toggleAttribute("data-reduce-motion", reduceMotion);
    if (theme === "system") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", theme);
  }, [language.code, reduceMotion, theme]);
  return (
    <LanguageContext value={language}>
      <ToastProvider>
        <Connected />
      </ToastProvider>
      <Tooltips />
    </LanguageContext>
  );
}

function Connected(): JSX.Element {
  const call = useCall();
  const { status, error, boot, retry } = useConnection();
  const started = useSelector((state) => state.status);
  const python = useSelector((state) => state.python);
  const failure = useSelector((state) => state.error);
  const { shell: strings, problems } = useStrings();
  const language = useLanguageCode();
  const problem = status === "failed" ? (error?.toInfo() ?? null) : started === "failed" ? failure : null;
  if (problem !== null) {
    return (
      <main className="boot">
        <FullPageProblem error={startProblem(problem, lookAround(), problems)} run={{ retry: status === "failed" ? retry : () => void call("device.refresh").catch(() => undefined) }} />
      </main>
    );
  }
  if (status === "connecting" || started === "starting") {
    return (
      <main className="boot" aria-busy="true">
        <h1 className="brand">{strings.appName}</h1>
        <Progress value={boot?.fraction ?? null} label={strings.starting} />
        <p className="quiet small boot-text">{bootText(boot, strings, language)}</p>
      </main>
    );
  }
  return (
    <>
      <Shell />
      {/* A notebook's frame is no visit of the site: nothing is kept there for later ones. */}
      {python !== "notebook" && <OfflineSupport />}
    </>
  );
}

/** What goes on before there is a Python that could tell: how much of it has arrived. */
function bootText(boot: Boot | null, strings: Strings["shell"], language: string): string {
  if (boot?.receivedBytes !== undefined && boot.totalBytes !== undefined) return strings.loadingPython(formatBytes(boot.receivedBytes, language), formatBytes(boot.totalBytes, language));
  return language === "en" ? (boot?.text ?? strings.starting) : strings.starting;
}
