import { type Thread, type UserPart, useClient, useSelector } from "@browserllm/react";
import { type JSX, useCallback, useEffect, useRef, useState } from "react";
import { Composer } from "../composer/composer.tsx";
import { keepDraft } from "../composer/drafts.ts";
import { ErrorPanel } from "../error_panel.tsx";
import { isBusy, Message } from "../message/message.tsx";
import { goTo } from "../router.ts";
import { useStrings } from "../strings/index.ts";
import { Badge, Button } from "../ui/index.ts";
import { useAction } from "../use_action.ts";
import { builtInAnswering, expectedModel } from "./answering_model.ts";
import { Announcer } from "./announcer.tsx";
import { guessHeight } from "./guess_height.ts";
import { MessageList } from "./message_list.tsx";
import { useRoute } from "./route.tsx";
import "./chat.css";
import "../message/message.css";

interface ChatProps {
  /** The conversation, or `null` for a new one. */
  readonly id: string | null;
  /** A message to show: where a search found something. */
  readonly target: string | null;
}

const NO_MESSAGES: readonly string[] = [];

/** A conversation: its messages, and the box to write the next one. */
export function Chat({ id, target }: ChatProps): JSX.Element {
  const strings = useStrings();
  const call = useAction();
  const client = useClient();
  const known = useSelector((state) => id === null || state.conversations[id] !== undefined || state.threads[id] !== undefined);
  const path = useSelector((state) => (id === null ? NO_MESSAGES : (state.threads[id]?.path ?? NO_MESSAGES)));
  const opened = useSelector((state) => id === null || state.threads[id] !== undefined);
  const elsewhere = useSelector((state) => id !== null && state.threads[id]?.elsewhere === true);
  const failed = useSelector((state) => (id === null ? null : lonelyError(state.threads[id])));
  const route = useRoute();
  const blindModel = useSelector((state) => {
    const model = expectedModel(state, route, id);
    return model && !model.vision ? model.name : null;
  });
  const lastQuestion = useSelector((state) => {
    const thread = id === null ? undefined : state.threads[id];
    return thread && !isBusy(thread) ? (thread.path.findLast((message) => thread.messages[message]?.role === "user") ?? null) : null;
  });
  const [editing, setEditing] = useState<string | null>(null);
  // It may be gone: another tab has deleted it, or another branch is shown.
  const edited = editing !== null && path.includes(editing) ? editing : null;
  const [sent, setSent] = useState(0);
  const picked = useRef(false);
  /** The conversation that a new chat has become. */
  const created = useRef<string | null>(null);

  useEffect(() => {
    if (id === null || !known) return;
    const stop = new AbortController();
    void call("conversations.open", { id }, { signal: stop.signal });
    return () => {
      stop.abort();
      const thread = client.getState().threads[id];
      // The messages of every conversation that was looked at would stay in memory. One that is being answered stays open:
      // other parts of the page show that. Without Python nothing is left to be closed.
      if (thread && !isBusy(thread)) client.call("conversations.close", { id }).catch(() => undefined);
    };
  }, [call, client, id, known]);

  const send = async (parts: UserPart[], written: () => string = () => ""): Promise<boolean> => {
    const conversation = id ?? created.current ?? (await call("conversations.create"));
    if (conversation === undefined) return false;
    const message = await call("chat.send", { conversation, parts });
    if (message === undefined) return false;
    setSent((count) => count + 1);
    if (id === null && created.current === null) {
      created.current = conversation;
      // The box of the conversation is another one: what was written meanwhile goes along.
      keepDraft(conversation, written());
      goTo("chat", conversation);
    }
    return true;
  };
  const pick = async (text: string): Promise<void> => {
    if (picked.current) return; // a double click is one message
    picked.current = true;
    await send([{ type: "text", text }]);
    picked.current = false;
  };
  const stop = async (): Promise<readonly (readonly UserPart[])[]> => {
    if (id === null) return [];
    const drafts = (await call("chat.stop", { conversation: id })) ?? [];
    return drafts.map((draft) => draft.parts.filter((part) => part.type === "text" || part.type === "file"));
  };
  const heightOf = useCallback((message: string) => guessHeight(id === null ? undefined : client.getState().threads[id]?.messages[message]), [client, id]);
  const row = useCallback(
    (message: string, index: number) =>
      id === null ? null : (
        <Message conversation={id} id={message} last={index === path.length - 1} editing={edited === message} locked={edited !== null && edited !== message} onEdit={setEditing} />
      ),
    [id, path.length, edited],
  );

  if (!known) {
    return (
      <div className="chat-missing">
        <h2>{strings.shell.notFound}</h2>
        <p className="quiet">{strings.shell.notFoundText}</p>
        <Button kind="primary" onClick={() => { goTo("chat"); }}>
          {strings.shell.newChat}
        </Button>
      </div>
    );
  }
  return (
    <div className="chat">
      {path.length === 0 ? (
        <Greeting conversation={id} quiet={id !== null && !opened} onPick={(text) => void pick(text)} />
      ) : (
        <MessageList ids={path} kept={edited} sent={sent} target={target} heightOf={heightOf}>
          {row}
        </MessageList>
      )}
      <div className="chat-foot">
        {failed !== null && <ErrorPanel error={failed} />}
        {elsewhere && <Badge tone="warn">{strings.chat.elsewhere}</Badge>}
        <Composer
          key={id ?? ""}
          conversation={id}
          blindModel={blindModel}
          onSend={send}
          onStop={stop}
          onEditLast={() => { setEditing(edited ?? lastQuestion); }}
        />
      </div>
      {id !== null && <Announcer conversation={id} />}
    </div>
  );
}

/** Returns a conversation's error that no message shows. */
function lonelyError(thread: Thread | undefined): Thread["error"] {
  if (!thread || thread.error === null) return null;
  return Object.values(thread.messages).some((message) => message.error !== null) ? null : thread.error;
}

/** What the built-in model was trained for. It knows English alone, and so these are in no other language. */
const BUILT_IN_SUGGESTIONS = ["Tell me a story about a fox.", "Why is the sky blue?", "What is WebGPU?"];

interface GreetingProps {
  readonly conversation: string | null;
  readonly quiet: boolean;
  readonly onPick: (text: string) => void;
}

/** What a conversation without messages shows. */
function Greeting({ conversation, quiet, onPick }: GreetingProps): JSX.Element {
  const strings = useStrings().chat;
  const local = useSelector((state) => state.settings.neverLeaveDevice || state.settings.mode === "local" || Object.keys(state.clouds).length === 0);
  const route = useRoute();
  const builtIn = useSelector((state) => builtInAnswering(state, route, conversation)?.name ?? null);
  const suggestions = builtIn === null ? strings.suggestions : BUILT_IN_SUGGESTIONS;
  const language = builtIn === null ? {} : { lang: "en", dir: "ltr" };
  if (quiet) return <div className="greeting" aria-busy="true" />;
  return (
    <div className="greeting">
      <h1>{strings.greeting}</h1>
      <p className="quiet">{local ? strings.greetingLocal : strings.greetingCloud}</p>
      {builtIn !== null && <p className="quiet">{strings.suggestionsBuiltIn(builtIn)}</p>}
      <div className="suggestions" role="group" aria-label={strings.suggestionsLabel}>
        {suggestions.map((text) => (
          <button key={text} type="button" className="suggestion" {...language} onClick={() => { onPick(text); }}>
            {text}
          </button>
        ))}
      </div>
    </div>
  );
}
