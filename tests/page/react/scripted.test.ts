/** The scripted app: what is left of its actions, and what a test can make of it. */

import { describe, expect, test } from "vitest";
import { make, scriptedClient, type ScriptedClient } from "@browserllm/react/testing";

/** Carry out a call on the clock. */
async function done<T>({ app }: ScriptedClient, call: Promise<T>): Promise<T> {
  await app.advance(0);
  return call;
}

describe("a scripted app", () => {
  test("keeps settings and presets", async () => {
    const client = scriptedClient();
    await done(client, client.call("settings.update", { changes: { theme: "dark", neverLeaveDevice: false } }));
    expect(client.getState().settings).toMatchObject({ theme: "dark", neverLeaveDevice: false, mode: "auto" });
    await done(client, client.call("settings.preset", { preset: { id: "p", name: "Poet", settings: { temperature: 1 } } }));
    await done(client, client.call("settings.preset", { preset: { id: "p", name: "Critic", settings: {} } }));
    expect(client.getState().settings.presets).toEqual([{ id: "p", name: "Critic", settings: make("ConversationSettings", {}) }]);
    await done(client, client.call("settings.delete_preset", { id: "p" }));
    expect(client.getState().settings.presets).toEqual([]);
  });

  test("keeps clouds, and no key of theirs", async () => {
    const client = scriptedClient();
    const id = await done(client, client.call("clouds.save", { vendor: "openai", model: "gpt", apiKey: "secret", keepKey: true }));
    expect(client.getState().clouds[id]).toMatchObject({ label: "gpt", key: "device", enabled: true });
    expect(JSON.stringify(client.getState())).not.toContain("secret");
    await done(client, client.call("clouds.save", { id, vendor: "openai", model: "gpt", label: "Work", enabled: false }));
    expect(client.getState().clouds[id]).toMatchObject({ label: "Work", key: "device", enabled: false });
    expect(await done(client, client.call("clouds.test", { id }))).toBeNull();
    await done(client, client.call("clouds.delete", { id }));
    expect(client.getState().clouds).toEqual({});
  });

  test("dismisses notices, and explains the route", async () => {
    const client = scriptedClient({ state: { notices: [make("Notice", { id: "n", at: 0 }), make("Notice", { id: "m", at: 0 })] } });
    await done(client, client.call("notices.dismiss", { id: "n" }));
    expect(client.getState().notices.map(({ id }) => id)).toEqual(["m"]);
    const conversation = await done(client, client.call("conversations.create"));
    const route = await done(client, client.call("chat.explain", { conversation, text: "Hello" }));
    expect(route.ranked).toMatchObject([{ backend: "local" }]);
    expect(client.getState().threads[conversation]?.route).toEqual(route);
  });

  test("carries out an action as the test says, and fails those that it does not know", async () => {
    const client = scriptedClient({ on: { "storage.persist": () => false } });
    expect(await done(client, client.call("storage.persist"))).toBe(false);
    client.app.on("storage.persist", () => { throw new TypeError("broken"); });
    await expect(done(client, client.call("storage.persist"))).rejects.toMatchObject({ code: "internal", message: "TypeError: broken" });
    await expect(done(client, client.call("no.such" as "storage.persist"))).rejects.toMatchObject({ code: "invalid_request" });
    expect(client.app.calls.map(({ action }) => action)).toEqual(["storage.persist", "storage.persist", "no.such"]);
  });

  test("takes more answers while it runs, and says whether something waits for the clock", async () => {
    const client = scriptedClient();
    client.app.answer("Later.");
    const answer = client.call("generate", { messages: [] });
    await client.app.advance(0);
    expect(client.app.clock.busy).toBe(true);
    await client.app.advance(1000);
    expect((await answer).text).toBe("Later.");
    expect(client.app.clock.busy).toBe(false);
  });

  test("shows the branch beside one that is deleted, and the newest branch of one that is selected", async () => {
    const client = scriptedClient();
    const conversation = await done(client, client.call("conversations.create"));
    const texts = (): string[] => {
      const thread = client.getState().threads[conversation];
      return (thread?.path ?? []).map((id) => thread?.messages[id]?.parts.map((part) => ("text" in part ? part.text : "")).join("") ?? "");
    };
    const send = async (text: string): Promise<string> => {
      const id = await done(client, client.call("chat.send", { conversation, parts: [{ type: "text", text }] }));
      await client.app.advance(1000);
      return id;
    };
    const first = await send("One");
    const second = await done(client, client.call("chat.edit", { conversation, message: first, parts: [{ type: "text", text: "Uno" }] }));
    await client.app.advance(1000);
    await send("Due");
    expect(texts()).toEqual(["Uno", "Answer 2.", "Due", "Answer 3."]);
    await done(client, client.call("chat.branch", { conversation, message: first }));
    expect(texts()).toEqual(["One", "Answer 1."]);
    await done(client, client.call("chat.branch", { conversation, message: second }));
    expect(texts()).toEqual(["Uno", "Answer 2.", "Due", "Answer 3."]);
    await done(client, client.call("chat.branch", { conversation, message: second }));
    await done(client, client.call("chat.delete", { conversation, message: second }));
    expect(texts()).toEqual(["One", "Answer 1."]);
    await done(client, client.call("chat.delete", { conversation, message: first }));
    expect(texts()).toEqual([]);
    expect(client.getState().threads[conversation]).toMatchObject({ messages: {}, children: {}, path: [] });
  });
});
