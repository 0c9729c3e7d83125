/** The model manager in pages of others: it brings its texts, toasts and tooltips, and its styles end at its border. */

import "../theme.css";
import "../ui/ui.css";
import type { ModelManager as Component } from "@browserllm/react/model-manager";
import { Ways } from "../error_panel.tsx";
import { LanguageContext, useLanguage } from "../strings/index.ts";
import { ToastProvider, Tooltips } from "../ui/index.ts";
import { ModelManager as Manager } from "./model_manager.tsx";
import "./embed.css";

/** There are no views to go to: the buttons that lead to one are left out. */
const WAYS = {
  reload: () => {
    location.reload();
  },
};

export const ModelManager: typeof Component = ({ language: wanted = "auto", theme = "system", model }) => {
  const language = useLanguage(wanted);
  return (
    <div className="browserllm" lang={language.code} data-theme={theme === "system" ? undefined : theme}>
      <Ways value={WAYS}>
        <LanguageContext value={language}>
          <ToastProvider>
            <Manager model={model ?? null} />
          </ToastProvider>
          <Tooltips />
        </LanguageContext>
      </Ways>
    </div>
  );
};
