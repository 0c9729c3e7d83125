/** The conversations of a scripted app. */

import type { ChatMessage, Conversation, SearchHit, Thread } from "../state.ts";
import { scriptedError, type ScriptedApp, type ScriptedHandlers } from "./app.ts";
import { make } from "./make.ts";
import { add, pathTo } from "./threads.ts";
import { without } from "./records.ts";

export function conversationHandlers(app: ScriptedApp): ScriptedHandlers {
  const list = (conversation: Conversation): void => {
    app.change((state) => ({ ...state, conversations: { ...state.conversations, [conversation.id]: conversation } }));
  };
  const threadOf = (id: string): Thread => {
    const thread = app.thread(id);
    if (thread) return thread;
    if (app.state.conversations[id]) return make("Thread", { id });
    throw scriptedError({ code: "invalid_request", title: "There is no such conversation", message: `there is no conversation '${id}'` });
  };
  const copy = (thread: Thread, path: readonly string[], title: string): string => {
    const id = app.newId("conversation");
    let next = make("Thread", { id });
    let parent: string | null = null;
    for (const each of path) {
      const message = thread.messages[each];
      if (!message) continue;
      const copied: ChatMessage = { ...message, id: app.newId("message"), parent };
      next = add(next, copied);
      parent = copied.id;
    }
    list(make("Conversation", { id, title, createdAt: app.clock.now, updatedAt: app.clock.now, messages: path.length }));
    app.openThread(next);
    return id;
  };
  const marked = new Map<string, { readonly conversation: Conversation; readonly thread: Thread | undefined }>();
  const drop = (ids: readonly string[], undo = false): null => {
    for (const id of ids) {
      const conversation = app.state.conversations[id];
      if (undo && conversation) marked.set(id, { conversation, thread: app.thread(id) });
      else marked.delete(id);
    }
    app.change((state) => ({ ...state, conversations: without(state.conversations, ...ids), threads: without(state.threads, ...ids) }));
    return null;
  };
  return {
    "conversations.create": ({ title, folder, settings, keep = true, id }) => {
      const name = id ?? app.newId("conversation");
      if (app.state.threads[name] || app.state.conversations[name]) return name;
      const made = make("Conversation", {
        id: name,
        title: title ?? "New conversation",
        createdAt: app.clock.now,
        updatedAt: app.clock.now,
        folder: folder ?? null,
        settings: make("ConversationSettings", (settings ?? {}) as never),
      });
      if (keep) list(made);
      app.openThread(make("Thread", { id: name }));
      return name;
    },
    "conversations.open": ({ id }) => {
      app.openThread(threadOf(id));
      return null;
    },
    "conversations.close": ({ id }) => {
      app.closeThread(id);
      return null;
    },
    "conversations.update": ({ id, title, pinned, folder, settings }) => {
      const now = app.state.conversations[id];
      if (!now) return null;
      list({
        ...now,
        title: title ?? now.title,
        pinned: pinned ?? now.pinned,
        folder: folder == null ? now.folder : folder === "" ? null : folder,
        settings: settings == null ? now.settings : make("ConversationSettings", settings as never),
        updatedAt: app.clock.now,
      });
      return null;
    },
    "conversations.delete": ({ id, undo }) => drop(id === "*" ? Object.keys(app.state.conversations) : [id], undo),
    "conversations.restore": ({ id }) => {
      const gone = marked.get(id);
      if (!gone) throw scriptedError({ code: "invalid_request", title: "That did not work", message: `the conversation '${id}' is deleted for good` });
      marked.delete(id);
      list(gone.conversation);
      if (gone.thread) app.openThread(gone.thread);
      return null;
    },
    "conversations.search": ({ text, limit = 50 }) => {
      const hits = Object.keys(app.state.conversations).flatMap((id) => found(threadOf(id), text));
      return hits.slice(0, limit);
    },
    "conversations.fork": ({ id, message }) => {
      const thread = threadOf(id);
      const title = app.state.conversations[id]?.title ?? "New conversation";
      return copy(thread, message == null ? thread.path : pathTo(thread, message), title);
    },
    "conversations.export": ({ id, format = "json" }) => {
      const ids = id == null ? Object.keys(app.state.conversations) : [id];
      const all = ids.map((each) => ({ conversation: app.state.conversations[each], thread: threadOf(each) }));
      if (format === "json") return JSON.stringify(all);
      return all.map(({ conversation, thread }) => `# ${conversation?.title ?? ""}\n\n${shownTexts(thread).join("\n\n")}\n`).join("\n");
    },
    "conversations.import": ({ text }) => {
      try {
        const all = JSON.parse(text) as { conversation: Conversation; thread: Thread }[];
        const known = all.filter(({ conversation }) => conversation.id in app.state.conversations);
        const added = all.filter((each) => !known.includes(each)).map(({ conversation, thread }) => copy(thread, thread.path, conversation.title));
        return { added, joined: [], present: known.map(({ conversation }) => conversation.id) };
      } catch (error) {
        throw scriptedError({ code: "invalid_request", title: "That file cannot be imported", message: `the file is not valid: ${String(error)}` });
      }
    },
  };
}

function textOf(thread: Thread, id: string): string {
  return (thread.messages[id]?.parts ?? []).map((part) => ("text" in part ? (part.text ?? "") : "")).join("");
}

function shownTexts(thread: Thread): string[] {
  return thread.path.map((id) => textOf(thread, id));
}

function found(thread: Thread, text: string): SearchHit[] {
  return Object.keys(thread.messages)
    .filter((id) => textOf(thread, id).toLowerCase().includes(text.toLowerCase()))
    .map((id) => ({ conversation: thread.id, message: id, excerpt: textOf(thread, id).slice(0, 200) }));
}
