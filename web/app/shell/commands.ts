import type { Command } from "../palette/palette.tsx";
import { siteWorker } from "../offline/site_worker.ts";
import { SHORTCUTS } from "../palette/shortcuts.tsx";
import type { ShortcutActions } from "../palette/use_shortcuts.ts";
import { goTo } from "../router.ts";
import type { Strings } from "../strings/index.ts";
import { AddIcon, ExportIcon, FileIcon, HelpIcon, ImportIcon, SearchIcon, SidebarIcon, SlidersIcon, TrashIcon } from "../ui/icons.tsx";
import { VIEWS } from "../views.tsx";
import type { ConversationActions } from "./use_conversations.ts";

/** Returns what the palette offers beside conversations. */
export function commandsOf(strings: Strings, does: ShortcutActions, actions: ConversationActions, conversation: string | null, title: string): Command[] {
  const { shell, header } = strings;
  const open: Command[] =
    conversation === null
      ? []
      : [
          { id: "settings-of", label: header.settings, icon: SlidersIcon, keys: SHORTCUTS.settings, run: does.settings },
          { id: "markdown", label: shell.exportMarkdown, icon: FileIcon, run: () => { actions.exportOne(conversation, title, "markdown"); } },
          { id: "json", label: shell.exportJson, icon: ExportIcon, run: () => { actions.exportOne(conversation, title, "json"); } },
          { id: "delete", label: `${shell.deleteOne}: ${title}`, icon: TrashIcon, run: () => { actions.remove(conversation, title); } },
        ];
  return [
    { id: "new", label: shell.newChat, icon: AddIcon, keys: SHORTCUTS.newChat, run: does.newChat },
    ...VIEWS.map((view) => ({ id: `view ${view.name}`, label: view.label(strings), icon: view.icon, run: () => { goTo(view.name); } })),
    ...open,
    { id: "search", label: shell.search, icon: SearchIcon, keys: SHORTCUTS.search, run: does.search },
    { id: "sidebar", label: shell.keys.sidebar, icon: SidebarIcon, keys: SHORTCUTS.sidebar, run: does.sidebar },
    { id: "import", label: shell.importFile, icon: ImportIcon, run: actions.importFile },
    { id: "export", label: shell.exportAll, icon: ExportIcon, run: actions.exportAll },
    ...(siteWorker.getStatus().canInstall ? [{ id: "install", label: strings.offline.install, icon: AddIcon, run: () => { void siteWorker.install(); } }] : []),
    { id: "shortcuts", label: shell.shortcuts, icon: HelpIcon, keys: SHORTCUTS.shortcuts, run: does.shortcuts },
  ];
}
