/** `<ModelManager/>`, ready to put into a page. It is built from the app's own (web/app/models/embed.tsx). */

import type { ReactNode } from "react";

export interface ModelManagerProps {
  /** `en`, `de`, or `auto` for the browser's language. */
  readonly language?: string | undefined;
  readonly theme?: "system" | "light" | "dark" | undefined;
  /** The id of a model to open and scroll to. */
  readonly model?: string | undefined;
}

/**
 * The catalog, the downloads and the storage, inside a `BrowserLLMProvider`. Import the style sheet, too:
 * `@browserllm/react/model-manager.css`. It styles what is inside the component, and nothing else of the page.
 */
export declare const ModelManager: (props: ModelManagerProps) => ReactNode;
