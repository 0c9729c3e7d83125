/** The messages of a conversation as a tree, as src/browserllm/app/threads.py has it. */

import type { ChatMessage, Thread } from "../state.ts";
import { without } from "./records.ts";

/** The key of the first messages in `Thread.children`. */
const ROOT = "";

export function pathTo(thread: Thread, id: string): string[] {
  const path: string[] = [];
  for (let step: string | null = id; step !== null; step = get(thread, step).parent) path.unshift(step);
  return path;
}

export function get(thread: Thread, id: string): ChatMessage {
  const message = thread.messages[id];
  if (!message) throw new Error(`there is no message ${JSON.stringify(id)} in the conversation ${JSON.stringify(thread.id)}`);
  return message;
}

/** Add a message after its parent, and show its branch. */
export function add(thread: Thread, message: ChatMessage): Thread {
  const parent = message.parent ?? ROOT;
  const next = {
    ...thread,
    messages: { ...thread.messages, [message.id]: message },
    children: { ...thread.children, [parent]: [...(thread.children[parent] ?? []), message.id] },
  };
  return { ...next, path: pathTo(next, message.id) };
}

/** Replace a message; its place stays. */
export function put(thread: Thread, message: ChatMessage): Thread {
  return { ...thread, messages: { ...thread.messages, [message.id]: message } };
}

/** Add an answer between its question and the messages that were queued after that question. */
export function insert(thread: Thread, message: ChatMessage, before: readonly string[]): Thread {
  const parent = message.parent ?? ROOT;
  const children = thread.children[parent] ?? [];
  const moved = children.filter((child) => before.includes(child));
  const messages = { ...thread.messages, [message.id]: message };
  for (const child of moved) messages[child] = { ...get(thread, child), parent: message.id };
  const links = { ...thread.children, [parent]: [...children.filter((child) => !moved.includes(child)), message.id] };
  if (moved.length > 0) links[message.id] = moved;
  const next = { ...thread, messages, children: links };
  const end = thread.path.at(-1);
  return { ...next, path: pathTo(next, end === undefined || end === message.parent ? message.id : end) };
}

/** Remove a message and everything after it. If it was shown, the branch beside it is shown instead. */
export function remove(thread: Thread, id: string): Thread {
  const gone = new Set([id]);
  for (const each of gone) for (const child of thread.children[each] ?? []) gone.add(child);
  const parent = get(thread, id).parent;
  const beside = thread.children[parent ?? ROOT] ?? [];
  const rest = beside.filter((each) => each !== id);
  const others = without(thread.children, parent ?? ROOT, ...gone);
  const next: Thread = {
    ...thread,
    messages: without(thread.messages, ...gone),
    children: rest.length > 0 ? { ...others, [parent ?? ROOT]: rest } : others,
    queue: thread.queue.filter((each) => !gone.has(each)),
  };
  if (!thread.path.includes(id)) return next;
  const neighbour = rest[Math.max(0, beside.indexOf(id) - 1)];
  if (neighbour !== undefined) return show({ ...next, path: [] }, neighbour);
  return { ...next, path: parent === null ? [] : pathTo(next, parent) };
}

/** Show the branch with this message; after it, what is shown already, or else the newest messages. */
export function show(thread: Thread, id: string): Thread {
  const path = pathTo(thread, id);
  if (path.every((step, index) => thread.path[index] === step)) return thread;
  for (let last = thread.children[id]?.at(-1); last !== undefined; last = thread.children[last]?.at(-1)) path.push(last);
  return { ...thread, path };
}
