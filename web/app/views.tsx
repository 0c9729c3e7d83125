/** The views beside the chat. Each is loaded when it is first opened; add one by adding a line here and its name in router.ts. */

import { type ComponentType, lazy, type LazyExoticComponent } from "react";
import type { ViewName } from "./router.ts";
import type { Strings } from "./strings/index.ts";
import { CompareIcon, HelpIcon, type Icon, ModelsIcon, SettingsIcon } from "./ui/icons.tsx";

export interface ViewProps {
  /** What follows the view's name in the address: `#/models/ID`. */
  readonly id: string | null;
}

export interface View {
  readonly name: Exclude<ViewName, "chat">;
  readonly icon: Icon;
  readonly label: (strings: Strings) => string;
  /** Whether the sidebar and the palette offer it. */
  readonly listed: boolean;
  readonly component: LazyExoticComponent<ComponentType<ViewProps>>;
}

/** In the order of the sidebar. Each module exports its view as `default`. */
export const VIEWS: readonly View[] = [
  { name: "models", icon: ModelsIcon, label: (strings) => strings.shell.models, listed: true, component: lazy(() => import("./models/models.tsx")) },
  { name: "compare", icon: CompareIcon, label: (strings) => strings.shell.compare, listed: true, component: lazy(() => import("./compare/compare.tsx")) },
  { name: "settings", icon: SettingsIcon, label: (strings) => strings.shell.settings, listed: true, component: lazy(() => import("./settings/settings.tsx")) },
  { name: "welcome", icon: HelpIcon, label: (strings) => strings.shell.welcome, listed: false, component: lazy(() => import("./first_run/welcome.tsx")) },
];
