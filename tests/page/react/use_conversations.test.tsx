// @vitest-environment happy-dom
/** useConversations, over a scripted app. */

import { describe, expect, test } from "vitest";
import { useChat, useConversations } from "@browserllm/react";
import { failOnComplaints, renderOver, texts } from "./helpers.tsx";

failOnComplaints();

describe("useConversations", () => {
  test("conversations are created, renamed, pinned, put into folders and deleted", async () => {
    const { result, run, client } = await renderOver(() => useConversations());
    const first = (await run(() => result.current.create({ title: "First" }))) ?? "";
    client.app.clock.now += 1000;
    const second = (await run(() => result.current.create({ title: "Second", folder: "Work", settings: { system: "Be brief." } }))) ?? "";
    expect(result.current.conversations.map(({ title }) => title)).toEqual(["Second", "First"]);
    expect(await run(() => result.current.pin(first))).toBe(true);
    expect(result.current.conversations.map(({ title }) => title)).toEqual(["First", "Second"]);
    await run(() => result.current.pin(first, false));
    await run(() => result.current.rename(first, "Renamed"));
    expect(result.current.conversations.find(({ id }) => id === first)).toMatchObject({ title: "Renamed", pinned: false });
    await run(() => result.current.update(first, { folder: "Art" }));
    expect(result.current.folders).toEqual(["Art", "Work"]);
    await run(() => result.current.update(first, { folder: "" }));
    expect(result.current.folders).toEqual(["Work"]);
    expect(result.current.conversations.find(({ id }) => id === second)?.settings.system).toBe("Be brief.");
    await run(() => result.current.delete(first));
    await run(() => result.current.delete("*"));
    expect(result.current.conversations).toEqual([]);
  });

  test("they are searched, forked, exported and imported", async () => {
    const { result, run, advance } = await renderOver(() => ({ list: useConversations(), chat: useChat({ id: "talk" }) }), { answers: ["The lighthouse keeper."] });
    await run(() => result.current.chat.sendMessage("Who lives there?"));
    await advance(1000);
    expect(await run(() => result.current.list.search("LIGHTHOUSE"))).toMatchObject([{ conversation: "talk", excerpt: "The lighthouse keeper." }]);
    expect(await run(() => result.current.list.search("e", { limit: 1 }))).toHaveLength(1);
    const abort = new AbortController();
    abort.abort();
    expect(await run(() => result.current.list.search("e", { signal: abort.signal }))).toEqual([]);
    const fork = await run(() => result.current.list.fork("talk", result.current.chat.messages[0]?.id));
    expect(fork).toBeDefined();
    const markdown = await run(() => result.current.list.exportText("talk", "markdown"));
    expect(markdown).toContain("The lighthouse keeper.");
    const json = (await run(() => result.current.list.exportText())) ?? "";
    expect(await run(() => result.current.list.importText(json))).toEqual({ added: [], joined: [], present: ["talk", fork] });
    expect(result.current.list.conversations).toHaveLength(2);
    const renamed = json.replaceAll('"id":"talk"', '"id":"other"');
    expect((await run(() => result.current.list.importText(renamed)))?.added).toHaveLength(1);
    expect(result.current.list.conversations).toHaveLength(3);
    expect(await run(() => result.current.list.importText("{"))).toBeUndefined();
    expect(result.current.list.error?.message).toContain("the file is not valid");
    expect(result.current.list.conversations).toHaveLength(3);
    expect(await run(() => result.current.list.fork("gone"))).toBeUndefined();
  });

  test("the list keeps its identity while an answer grows", async () => {
    const { result, run, advance } = await renderOver(() => ({ list: useConversations(), chat: useChat() }), { answers: ["One two three."] });
    await run(() => result.current.chat.sendMessage("Count"));
    const before = result.current.list;
    await advance(140);
    expect(texts(result.current.chat.messages)[1]).toBe("One two three.");
    expect(result.current.list).toBe(before);
  });
});
