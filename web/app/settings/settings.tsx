import { type ComponentType, type JSX, useEffect, useRef } from "react";
import { hashOf } from "../router.ts";
import { useStrings } from "../strings/index.ts";
import { ChatIcon, CloudIcon, DeviceIcon, type Icon, LockIcon, ModelsIcon, SettingsIcon } from "../ui/icons.tsx";
import type { ViewProps } from "../views.tsx";
import { Clouds } from "./clouds.tsx";
import { ThisDevice } from "./device.tsx";
import { General } from "./general.tsx";
import { Memory } from "./memory.tsx";
import { Presets } from "./presets.tsx";
import { Privacy } from "./privacy.tsx";
import "./settings.css";

interface Section {
  readonly name: "general" | "privacy" | "clouds" | "memory" | "presets" | "device";
  readonly icon: Icon;
  readonly component: ComponentType;
}

const SECTIONS: readonly [Section, ...Section[]] = [
  { name: "general", icon: SettingsIcon, component: General },
  { name: "privacy", icon: LockIcon, component: Privacy },
  { name: "clouds", icon: CloudIcon, component: Clouds },
  { name: "memory", icon: ModelsIcon, component: Memory },
  { name: "presets", icon: ChatIcon, component: Presets },
  { name: "device", icon: DeviceIcon, component: ThisDevice },
];

/** The settings, a section at a time: `#/settings/SECTION`. */
export default function Settings({ id }: ViewProps): JSX.Element {
  const strings = useStrings().settings;
  const section = SECTIONS.find((one) => one.name === id) ?? SECTIONS[0];
  const heading = useRef<HTMLHeadingElement>(null);
  const first = useRef(true);
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone the sections are a line that scrolls.
    const list = nav.current;
    const current = list?.querySelector<HTMLElement>("[aria-current]");
    if (list && current) list.scrollLeft = current.offsetLeft - list.offsetLeft - (list.clientWidth - current.clientWidth) / 2;
    // Choosing a section goes to it; opening the settings does not.
    if (!first.current) heading.current?.focus();
    first.current = false;
  }, [section.name]);
  return (
    <div className="page">
      <div className="page-column settings">
        <nav ref={nav} className="settings-nav" aria-label={strings.sections}>
          {SECTIONS.map((one) => (
            <a key={one.name} href={hashOf("settings", one.name)} aria-current={one === section ? "page" : undefined}>
              <one.icon size={18} />
              {strings[one.name]}
            </a>
          ))}
        </nav>
        <div className="settings-section">
          <h1 ref={heading} tabIndex={-1}>
            {strings[section.name]}
          </h1>
          <section.component />
        </div>
      </div>
    </div>
  );
}
