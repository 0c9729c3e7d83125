/** Settings, clouds, notices and the device of a scripted app. */

import type { AppState } from "../state.ts";
import type { ScriptedApp, ScriptedHandlers } from "./app.ts";
import { make } from "./make.ts";
import { without } from "./records.ts";

export function settingsHandlers(app: ScriptedApp): ScriptedHandlers {
  const setClouds = (recipe: (clouds: AppState["clouds"]) => AppState["clouds"]): void => {
    app.change((state) => ({ ...state, clouds: recipe(state.clouds) }));
  };
  const setPresets = (recipe: (presets: AppState["settings"]["presets"]) => AppState["settings"]["presets"]): void => {
    app.change((state) => ({ ...state, settings: { ...state.settings, presets: recipe(state.settings.presets) } }));
  };
  return {
    "settings.update": ({ changes }) => {
      app.change((state) => ({ ...state, settings: { ...state.settings, ...changes } }));
      return null;
    },
    "settings.preset": ({ preset }) => {
      const saved = { ...preset, settings: make("ConversationSettings", preset.settings as never) };
      setPresets((presets) => [...presets.filter(({ id }) => id !== saved.id), saved]);
      return null;
    },
    "settings.delete_preset": ({ id }) => {
      setPresets((presets) => presets.filter((preset) => preset.id !== id));
      return null;
    },
    "clouds.save": ({ id, vendor, model, label, apiKey, keepKey, baseUrl, enabled }) => {
      const name = id ?? app.newId("cloud");
      const key = apiKey ? (keepKey ? "device" : "memory") : (app.state.clouds[name]?.key ?? "none");
      const cloud = make("Cloud", { id: name, vendor, model, label: label ?? model, baseUrl: baseUrl ?? null, key, enabled: enabled ?? true });
      setClouds((clouds) => ({ ...clouds, [name]: cloud }));
      return name;
    },
    "clouds.delete": ({ id }) => {
      setClouds((clouds) => without(clouds, id));
      return null;
    },
    "clouds.test": () => null,
    "notices.dismiss": ({ id }) => {
      app.change((state) => ({ ...state, notices: state.notices.filter((notice) => notice.id !== id) }));
      return null;
    },
    "device.refresh": () => null,
  };
}
