import { useClient, useSelector } from "@browserllm/react";
import { type JSX, Suspense, useEffect, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { Chat } from "../chat/chat.tsx";
import { RouteProvider } from "../chat/route.tsx";
import { forgetOtherDrafts } from "../composer/drafts.ts";
import { FullPageProblem } from "../errors/full_page.tsx";
import { useNothingRuns } from "../errors/nothing_runs.ts";
import { ViewBoundary } from "../errors/view_boundary.tsx";
import { ActivityBar } from "../first_run/activity_bar.tsx";
import { Palette } from "../palette/palette.tsx";
import { Shortcuts } from "../palette/shortcuts.tsx";
import { useShortcuts } from "../palette/use_shortcuts.ts";
import { ConversationPanel } from "../panel/panel.tsx";
import { goTo, usePlace } from "../router.ts";
import { useStrings } from "../strings/index.ts";
import { useAction } from "../use_action.ts";
import { VIEWS } from "../views.tsx";
import { commandsOf } from "./commands.ts";
import { Header } from "./header.tsx";
import { Notices } from "./notices.tsx";
import { Sidebar } from "./sidebar.tsx";
import { useConversations } from "./use_conversations.ts";
import "./shell.css";

type Open = "palette" | "shortcuts" | "settings" | null;

/** Below this width the sidebar is a drawer over the page. */
const NARROW = "(max-width: 800px)";

/** The frame of the app: the sidebar, the header, and the view that is open. */
export function Shell(): JSX.Element {
  const strings = useStrings();
  const place = usePlace();
  const call = useAction();
  const { getState } = useClient();
  const actions = useConversations();
  const nothingRuns = useNothingRuns();
  const introduced = useSelector((state) => state.settings.introduced);
  const title = useSelector((state) => (place.id === null ? undefined : state.conversations[place.id]?.title));
  const search = useRef<HTMLInputElement>(null);
  const main = useRef<HTMLElement>(null);
  const sidebar = useRef<HTMLElement>(null);
  // The conversation that began so that its settings could be opened; without a change it goes again.
  const begun = useRef<string | null>(null);
  const [narrow, setNarrow] = useState(() => matchMedia(NARROW).matches);
  const [wide, setWide] = useState(true);
  const [drawer, setDrawer] = useState(false);
  const [open, setOpen] = useState<Open>(null);
  const view = VIEWS.find((one) => one.name === place.view);
  const conversation = view === undefined ? place.id : null;
  const shown = narrow ? drawer : wide;

  useEffect(() => { forgetOtherDrafts(Object.keys(getState().conversations)); }, [getState]);
  useEffect(() => {
    const query = matchMedia(NARROW);
    const onChange = (): void => { setNarrow(query.matches); };
    query.addEventListener("change", onChange);
    return () => { query.removeEventListener("change", onChange); };
  }, []);
  // Choosing something in the drawer closes it.
  const where = `${place.view} ${place.id ?? ""} ${place.part ?? ""}`;
  const [was, setWas] = useState(where);
  if (was !== where) {
    setWas(where);
    setDrawer(false);
  }
  // The rest of the page is inert while the drawer is open, so the focus goes into it.
  useEffect(() => {
    if (narrow && drawer) sidebar.current?.focus();
  }, [narrow, drawer]);
  useEffect(() => {
    if (!introduced && location.hash === "" && VIEWS.some((one) => one.name === "welcome")) goTo("welcome", null, { replace: true });
  }, [introduced]);
  useEffect(() => {
    const name = view ? view.label(strings) : title;
    document.title = name === undefined || name === "" ? strings.shell.appName : `${name} – ${strings.shell.appName}`;
  }, [view, title, strings]);

  const toggleSidebar = (): void => {
    if (narrow) setDrawer(!drawer);
    else setWide(!wide);
  };
  const openSettings = async (): Promise<void> => {
    if (view !== undefined) return;
    if (conversation === null) {
      const id = await call("conversations.create");
      if (id === undefined) return;
      begun.current = id;
      goTo("chat", id);
    }
    setOpen("settings");
  };
  const closeSettings = (): void => {
    setOpen(null);
    const { conversations, settings } = getState();
    const entry = begun.current === null ? undefined : conversations[begun.current];
    begun.current = null;
    if (!entry || entry.messages > 0 || JSON.stringify(entry.settings) !== JSON.stringify(settings.defaults)) return;
    goTo("chat", null, { replace: true });
    void call("conversations.delete", { id: entry.id });
  };
  const does = {
    palette: () => { setOpen("palette"); },
    newChat: () => {
      goTo("chat");
      // A new chat that is open already is there to be written in. What is behind the drawer cannot have the focus.
      flushSync(() => { setDrawer(false); });
      if (view === undefined && conversation === null) does.focus();
    },
    sidebar: toggleSidebar,
    search: () => {
      if (narrow) setDrawer(true);
      else setWide(true);
      requestAnimationFrame(() => { search.current?.focus(); });
    },
    settings: () => void openSettings(),
    focus: () => { main.current?.querySelector("textarea")?.focus(); },
    shortcuts: () => { setOpen("shortcuts"); },
  };
  useShortcuts(does);

  return (
    <div className="shell" data-sidebar={shown || undefined}>
      <a
        className="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {strings.shell.skip}
      </a>
      {narrow && drawer && <div className="scrim" onClick={() => { setDrawer(false); }} />}
      <aside
        ref={sidebar}
        tabIndex={-1}
        className="sidebar"
        aria-label={strings.shell.navigation}
        inert={!shown}
        onKeyDown={(event) => {
          if (event.key === "Escape" && narrow) setDrawer(false);
        }}
      >
        <Sidebar place={place} actions={actions} search={search} onHide={toggleSidebar} onNewChat={does.newChat} onShortcuts={does.shortcuts} />
      </aside>
      <div className="stage" inert={narrow && drawer}>
        <ViewBoundary place={where}>
          <RouteProvider conversation={conversation}>
            <Header
              conversation={conversation}
              view={view ? view.label(strings) : null}
              sidebarShown={shown && !narrow}
              onSidebar={toggleSidebar}
              onSettings={does.settings}
            />
            {place.view !== "models" && <ActivityBar />}
            <Notices />
            <main ref={main} id="main" tabIndex={-1}>
              {view ? (
                <Suspense fallback={<div className="page" aria-busy="true" />}>
                  <view.component id={place.id} />
                </Suspense>
              ) : nothingRuns !== null && place.id === null ? (
                <FullPageProblem error={nothingRuns} />
              ) : (
                <Chat key={place.id ?? ""} id={place.id} target={place.part} />
              )}
            </main>
          </RouteProvider>
        </ViewBoundary>
      </div>
      {open === "palette" && (
        <Palette commands={commandsOf(strings, does, actions, conversation, title ?? strings.shell.untitled)} onClose={() => { setOpen(null); }} />
      )}
      {open === "shortcuts" && <Shortcuts onClose={() => { setOpen(null); }} />}
      {open === "settings" && conversation !== null && <ConversationPanel key={conversation} conversation={conversation} onClose={closeSettings} />}
    </div>
  );
}
