import { type Conversation, isBlank, MAX_NAME_CHARS, MAX_SEARCH_CHARS, MAX_TITLE_CHARS, useSelector } from "@browserllm/react";
import { type JSX, memo, type RefObject, useId, useState } from "react";
import { hashOf, type Place } from "../router.ts";
import { useStrings } from "../strings/index.ts";
import { Badge, Button, Confirm, Dialog, IconButton, Menu, type MenuItem, TextField } from "../ui/index.ts";
import {
  AddIcon,
  CloseIcon,
  EditIcon,
  ExportIcon,
  FileIcon,
  FolderIcon,
  HelpIcon,
  ImportIcon,
  MoreIcon,
  PinIcon,
  SearchIcon,
  SidebarIcon,
  TrashIcon,
} from "../ui/icons.tsx";
import { useKeeper } from "../use_keeper.ts";
import { VIEWS } from "../views.tsx";
import { groupsOf } from "./groups.ts";
import { SearchResults } from "./search_results.tsx";
import type { ConversationActions } from "./use_conversations.ts";

interface SidebarProps {
  readonly place: Place;
  readonly actions: ConversationActions;
  readonly search: RefObject<HTMLInputElement | null>;
  readonly onHide: () => void;
  readonly onNewChat: () => void;
  readonly onShortcuts: () => void;
}

/** The list of conversations, the way to search them, and the other views. */
export function Sidebar({ place, actions, search, onHide, onNewChat, onShortcuts }: SidebarProps): JSX.Element {
  const strings = useStrings();
  const keeper = useKeeper();
  const shown = useSelector((state) => state.conversations);
  const offline = useSelector((state) => state.device?.online === false);
  const [text, setText] = useState("");
  const [asking, setAsking] = useState(false);
  const count = Object.keys(shown).length;
  const manage: (MenuItem | "-")[] = [
    { label: strings.shell.importFile, icon: ImportIcon, run: actions.importFile },
    { label: strings.shell.exportAll, icon: ExportIcon, disabled: count === 0, run: actions.exportAll },
    { label: strings.shell.shortcuts, icon: HelpIcon, run: onShortcuts },
    "-",
    { label: strings.shell.deleteAll, icon: TrashIcon, danger: true, disabled: count === 0, run: () => { setAsking(true); } },
  ];
  return (
    <>
      <div className="sidebar-head">
        <a className="brand" href={hashOf("chat")}>
          {strings.shell.appName}
        </a>
        <IconButton icon={SidebarIcon} label={strings.shell.hideSidebar} onClick={onHide} />
      </div>
      <div className="sidebar-new">
        <Button icon={AddIcon} onClick={onNewChat}>
          {strings.shell.newChat}
        </Button>
      </div>
      <div className="search" role="search">
        <SearchIcon size={16} />
        <input
          ref={search}
          type="text"
          enterKeyHint="search"
          maxLength={MAX_SEARCH_CHARS}
          aria-label={strings.shell.search}
          placeholder={strings.shell.search}
          dir="auto"
          value={text}
          onChange={(event) => { setText(event.target.value); }}
          onKeyDown={(event) => {
            if (event.key === "Escape") setText("");
          }}
        />
        {text !== "" && <IconButton icon={CloseIcon} size={16} label={strings.shell.searchClear} onClick={() => { setText(""); }} />}
      </div>
      <nav className="conversations" aria-label={strings.shell.conversations}>
        {text.trim() !== "" ? (
          <SearchResults text={text.trim()} />
        ) : count === 0 ? (
          <p className="sidebar-empty">{strings.shell.none[keeper]}</p>
        ) : (
          groupsOf(shown, Date.now()).map(({ name, folder, conversations }) => (
            <Section key={name ?? `folder ${folder ?? ""}`} title={name === null ? (folder ?? "") : strings.shell[name]} folder={folder !== null}>
              {conversations.map((conversation) => (
                <Entry key={conversation.id} conversation={conversation} current={place.view === "chat" && place.id === conversation.id} actions={actions} />
              ))}
            </Section>
          ))
        )}
      </nav>
      <div className="sidebar-foot">
        {offline && <Badge title={strings.shell.offlineNote}>{strings.shell.offline}</Badge>}
        <nav className="view-links" aria-label={strings.shell.views}>
          {VIEWS.filter((view) => view.listed).map((view) => (
            <a key={view.name} href={hashOf(view.name)} aria-current={place.view === view.name ? "page" : undefined} className="view-link">
              <view.icon size={18} />
              {view.label(strings)}
            </a>
          ))}
        </nav>
        <Menu trigger={<IconButton icon={MoreIcon} label={strings.shell.manage} />} items={manage} />
      </div>
      {asking && (
        <Confirm
          title={strings.shell.deleteAllTitle}
          text={strings.shell.deleteAllText(count)}
          verb={strings.shell.deleteAll}
          onConfirm={actions.removeAll}
          onClose={() => { setAsking(false); }}
        />
      )}
    </>
  );
}

interface SectionProps {
  readonly title: string;
  readonly folder: boolean;
  readonly children: JSX.Element[];
}

function Section({ title, folder, children }: SectionProps): JSX.Element {
  const id = useId();
  const list = <ul aria-labelledby={id}>{children}</ul>;
  if (!folder) {
    return (
      <section>
        <h2 id={id}>{title}</h2>
        {list}
      </section>
    );
  }
  return (
    <details open className="folder">
      <summary>
        <FolderIcon size={16} />
        <span id={id}>{title}</span>
      </summary>
      {list}
    </details>
  );
}

interface EntryProps {
  readonly conversation: Conversation;
  readonly current: boolean;
  readonly actions: ConversationActions;
}

const Entry = memo(function Entry({ conversation, current, actions }: EntryProps): JSX.Element {
  const strings = useStrings();
  const [dialog, setDialog] = useState<"rename" | "move" | null>(null);
  const { id, pinned } = conversation;
  const title = conversation.title === "" ? strings.shell.untitled : conversation.title;
  const answering = useSelector((state) => state.threads[id]?.answering != null);
  const items: (MenuItem | "-")[] = [
    { label: strings.shell.rename, icon: EditIcon, run: () => { setDialog("rename"); } },
    { label: pinned ? strings.shell.unpin : strings.shell.pin, icon: PinIcon, run: () => { actions.pin(id, !pinned); } },
    { label: strings.shell.move, icon: FolderIcon, run: () => { setDialog("move"); } },
    "-",
    { label: strings.shell.exportJson, icon: ExportIcon, run: () => { actions.exportOne(id, title, "json"); } },
    { label: strings.shell.exportMarkdown, icon: FileIcon, run: () => { actions.exportOne(id, title, "markdown"); } },
    "-",
    { label: strings.shell.deleteOne, icon: TrashIcon, danger: true, run: () => { actions.remove(id, title); } },
  ];
  return (
    <li className={current ? "entry entry-current" : "entry"}>
      <a href={hashOf("chat", id)} aria-current={current ? "page" : undefined} dir="auto" title={conversation.preview === "" ? title : `${title}\n\n${conversation.preview}`}>
        {answering && <span className="entry-live" aria-label={strings.chat.typing} />}
        <span className="entry-title">{title}</span>
      </a>
      <Menu trigger={<IconButton icon={MoreIcon} size={16} label={strings.shell.options(title)} />} items={items} align="end" />
      {dialog === "rename" && (
        <OneField
          title={strings.shell.rename}
          label={strings.shell.renameLabel}
          value={title}
          onSave={(name) => { actions.rename(id, name); }}
          onClose={() => { setDialog(null); }}
        />
      )}
      {dialog === "move" && (
        <OneField
          title={strings.shell.moveTitle}
          label={strings.shell.folder}
          note={strings.shell.folderNote}
          value={conversation.folder ?? ""}
          optional
          onSave={(folder) => { actions.move(id, folder); }}
          onClose={() => { setDialog(null); }}
        />
      )}
    </li>
  );
});

interface OneFieldProps {
  readonly title: string;
  readonly label: string;
  readonly note?: string;
  readonly value: string;
  readonly optional?: boolean;
  readonly onSave: (value: string) => void;
  readonly onClose: () => void;
}

/** A dialog with one line to fill in. The folders that there are can be chosen. */
function OneField({ title, label, note, value, optional = false, onSave, onClose }: OneFieldProps): JSX.Element {
  const strings = useStrings().common;
  const [text, setText] = useState(value);
  const form = useId();
  const folders = useSelector((state) => [...new Set(Object.values(state.conversations).flatMap((one) => one.folder ?? []))].sort().join("\n"));
  return (
    <Dialog
      title={title}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{strings.cancel}</Button>
          <Button kind="primary" type="submit" form={form} disabled={!optional && isBlank(text)}>
            {strings.save}
          </Button>
        </>
      }
    >
      <form
        id={form}
        onSubmit={(event) => {
          event.preventDefault();
          onSave(text.trim());
          onClose();
        }}
      >
        <TextField label={label} note={note} value={text} autoFocus maxLength={optional ? MAX_NAME_CHARS : MAX_TITLE_CHARS} dir="auto" list={optional ? `${form}-list` : undefined} onChange={(event) => { setText(event.target.value); }} />
        {optional && (
          <datalist id={`${form}-list`}>
            {folders.split("\n").map((folder) => (
              <option key={folder} value={folder} />
            ))}
          </datalist>
        )}
      </form>
    </Dialog>
  );
}
