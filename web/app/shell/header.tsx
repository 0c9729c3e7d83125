import { type AppState, type Conversation, type RouteChoice, type RouteInfo, shallowEqual, useSelector } from "@browserllm/react";
import type { JSX, ReactNode } from "react";
import { formatBytes, formatCount } from "../format.ts";
import { answeringModel } from "../chat/answering_model.ts";
import { useRoute } from "../chat/route.tsx";
import { NO_DRAFT, useDraftFacts } from "../composer/draft_facts.ts";
import { FromPython } from "../from_python.tsx";
import { goTo } from "../router.ts";
import { type Strings, useLanguageCode, useStrings } from "../strings/index.ts";
import { Badge, IconButton, Menu, type MenuItem, Ring } from "../ui/index.ts";
import { ChevronDownIcon, CloudIcon, DeviceIcon, LockIcon, MenuIcon, ModelsIcon, SlidersIcon } from "../ui/icons.tsx";
import { sentence, useAction } from "../use_action.ts";
import { useTitle } from "./use_conversations.ts";

interface HeaderProps {
  /** The open conversation, or `null` for a new one or another view. */
  readonly conversation: string | null;
  /** The name of the view, where it is not the chat. */
  readonly view: string | null;
  readonly sidebarShown: boolean;
  readonly onSidebar: () => void;
  readonly onSettings: () => void;
}

/** The line above a conversation: its name, which model answers, how full its context is, and what stays private. */
export function Header({ conversation, view, sidebarShown, onSidebar, onSettings }: HeaderProps): JSX.Element {
  const strings = useStrings();
  const title = useTitle(conversation);
  return (
    <header className="header">
      {!sidebarShown && <IconButton icon={MenuIcon} label={strings.shell.menu} onClick={onSidebar} />}
      {view !== null ? (
        <div className="header-title">{view}</div>
      ) : (
        conversation !== null && (
          <h1 className="header-title" dir="auto">
            {title}
          </h1>
        )
      )}
      {view === null && (
        <>
          <ModelMenu conversation={conversation} />
          <span className="header-space" />
          <Privacy conversation={conversation} />
          {conversation !== null && <ContextMeter conversation={conversation} />}
          <IconButton icon={SlidersIcon} label={strings.header.settings} onClick={onSettings} />
        </>
      )}
    </header>
  );
}

interface Choice {
  readonly id: string;
  readonly name: string;
  readonly note: string | null;
}

function ModelMenu({ conversation }: { readonly conversation: string | null }): JSX.Element {
  const strings = useStrings();
  const language = useLanguageCode();
  const call = useAction();
  const settings = useSelector((state) => (conversation === null ? undefined : state.conversations[conversation]?.settings));
  const chosen = useSelector((state) => settingsOf(state, conversation).model ?? state.settings.model);
  const name = useSelector((state) => (chosen === null ? null : nameOf(state, chosen)));
  const route = useRoute();
  const draft = useDraftFacts();
  const first = useSelector((state) => answererOf(state, route));
  const loading = useSelector((state) => state.loading);
  const known = useSelector((state) => state.models);
  const models = useSelector((state) => localChoices(state, strings, (bytes) => formatBytes(bytes, language)).map(flat), shallowEqual);
  const clouds = useSelector((state) => cloudChoices(state).map(flat), shallowEqual);
  const choose = (model: string | null): void => {
    if (conversation === null || settings === undefined) void call("settings.update", { changes: { model } });
    else void call("conversations.update", { id: conversation, settings: { ...settings, model } });
  };
  const item = (line: string, icon: MenuItem["icon"]): MenuItem => {
    const { id, name: label, note } = JSON.parse(line) as Choice;
    return { label, checked: id === chosen, run: () => { choose(id); }, ...(icon ? { icon } : {}), ...(note === null ? {} : { note }) };
  };
  const items: (MenuItem | "-")[] = [
    { label: strings.header.auto, note: strings.header.autoNote, checked: chosen === null, run: () => { choose(null); } },
    ...(models.length > 0 ? (["-"] as const) : []),
    ...models.map((line) => item(line, DeviceIcon)),
    ...(clouds.length > 0 ? (["-"] as const) : []),
    ...clouds.map((line) => item(line, CloudIcon)),
    "-",
    { label: strings.header.allModels, icon: ModelsIcon, run: () => { goTo("models"); } },
  ];
  const names = useSelector((state) => state.clouds);
  const who = (option: RouteChoice): string => (option.where === "cloud" ? (names[option.backend.slice("cloud:".length)]?.label ?? option.backend) : option.model === null ? option.backend : (known[option.model]?.name ?? option.model));
  const why = (reason: string): ReactNode => {
    const translated = strings.python?.routes[reason];
    return translated === undefined ? <FromPython>{sentence(reason)}</FromPython> : sentence(translated);
  };
  const heading =
    route === null ? undefined : (
      <>
        <p>{route.ranked[0] ? strings.header.routeFirst(who(route.ranked[0])) : strings.header.routeNone}</p>
        {route.ranked[0] && <p>{why(route.ranked[0].reason)}</p>}
        {route.excluded.slice(0, 3).map((choice) => (
          <p key={`${choice.backend} ${choice.model ?? ""}`}>
            {who(choice)}: <FromPython>{choice.reason}</FromPython>
          </p>
        ))}
      </>
    );
  // What is being written may need another model than the chosen one.
  const label = (draft === NO_DRAFT ? name : null) ?? first ?? name ?? strings.header.auto;
  // Another model may load while this one, or a cloud, is chosen.
  const isLoading = loading !== null && label === (known[loading.model]?.name ?? loading.model);
  return (
    <Menu
      items={items}
      heading={heading}
      trigger={
        <button type="button" className="model-button" aria-label={`${strings.header.model}: ${label}`}>
          <span className="model-name">{label}</span>
          {isLoading && <span className="model-loading">{loading.fraction === null ? "…" : `${Math.round(loading.fraction * 100)}%`}</span>}
          <ChevronDownIcon size={16} />
        </button>
      }
    />
  );
}

function Privacy({ conversation }: { readonly conversation: string | null }): JSX.Element {
  const strings = useStrings().header;
  const settings = useSelector((state) => state.settings);
  const own = useSelector((state) => conversation !== null && state.conversations[conversation]?.settings.private === true);
  const clouds = useSelector((state) => Object.values(state.clouds).some((cloud) => cloud.enabled));
  if (settings.neverLeaveDevice || settings.mode === "local" || own || !clouds) {
    return (
      <Badge tone="accent" icon={LockIcon} title={strings.privateNote}>
        <span className="badge-text">{strings.private}</span>
      </Badge>
    );
  }
  return (
    <Badge tone="warn" icon={CloudIcon} title={strings.mayLeaveNote}>
      <span className="badge-text">{settings.mode === "cloud" ? strings.onlyCloud : strings.mayLeave}</span>
    </Badge>
  );
}

function ContextMeter({ conversation }: { readonly conversation: string }): JSX.Element | null {
  const strings = useStrings().header;
  const language = useLanguageCode();
  const used = useSelector((state) => state.threads[conversation]?.contextTokens ?? null);
  const all = useSelector((state) => state.threads[conversation]?.contextWindow ?? null);
  if (used === null || all === null || all === 0) return null;
  return <Ring value={used / all} label={strings.context(formatCount(used, language), formatCount(all, language))} />;
}

function nameOf(state: AppState, model: string): string {
  if (model.startsWith("cloud:")) return state.clouds[model.slice("cloud:".length)]?.label ?? model;
  return state.models[model]?.name ?? model;
}

/** Returns the name of what would answer next, as far as it is known. */
function answererOf(state: AppState, route: RouteInfo | null): string | null {
  const [first] = route?.ranked ?? [];
  if (first?.where === "cloud") return nameOf(state, first.backend);
  const model = answeringModel(state, route);
  return model === null ? (first?.backend ?? null) : nameOf(state, model);
}

function localChoices(state: AppState, strings: Strings, size: (bytes: number) => string): Choice[] {
  const loaded = new Set(state.loaded.map((model) => model.model));
  return Object.values(state.models)
    .filter((model) => model.type === "chat" && (model.downloaded || model.bundled || model.tier !== null))
    .map((model) => ({
      id: model.id,
      name: model.name,
      note: loaded.has(model.id) ? strings.header.loaded : model.downloaded || model.bundled || model.downloadBytes === null ? null : strings.header.notDownloaded(size(model.downloadBytes)),
    }));
}

function cloudChoices(state: AppState): Choice[] {
  if (state.settings.neverLeaveDevice || state.settings.mode === "local") return [];
  return Object.values(state.clouds)
    .filter((cloud) => cloud.enabled)
    .map((cloud) => ({ id: `cloud:${cloud.id}`, name: cloud.label, note: null }));
}

/** Choices as texts, which can be compared. */
const flat = (choice: Choice): string => JSON.stringify(choice);

/** Returns the settings of a conversation, or those that a new one would have. */
function settingsOf(state: AppState, conversation: string | null): Conversation["settings"] {
  return (conversation === null ? undefined : state.conversations[conversation]?.settings) ?? state.settings.defaults;
}
