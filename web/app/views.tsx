/** The views beside the chat. Each is loaded when it is first opened; add one by adding a line here and its name in router.ts. */

import type { ComponentType, LazyExoticComponent } from "react";
import type { ViewName } from "./router.ts";
import type { Strings } from "./strings/index.ts";
import type { Icon } from "./ui/icons.tsx";

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

/**
 * For example:
 *
 *     {
 *       name: "models",
 *       icon: ModelsIcon,
 *       label: (strings) => strings.shell.models,
 *       listed: true,
 *       component: lazy(() => import("./models/models.tsx")),
 *     }
 *
 * The module exports its view as `default`.
 */
export const VIEWS: readonly View[] = [];
