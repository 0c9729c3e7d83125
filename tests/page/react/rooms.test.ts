/** Rooms: which conversations a page has open, and when each is left. */

import { expect, test } from "vitest";
import { make, scriptedClient, type ScriptedClient, type ScriptedOptions } from "@browserllm/react/testing";
import { enterRoom, isUsed, openRoom, started } from "../../../web/react/src/chat/rooms.ts";

const CONVERSATION = make("Conversation", { id: "c", title: "C", createdAt: 0, updatedAt: 0 });
const KEPT = { settings: undefined, keep: true };

async function connected(options: ScriptedOptions = {}): Promise<ScriptedClient> {
  const client = scriptedClient(options);
  await client.app.advance(0);
  return client;
}

const actions = (client: ScriptedClient): string[] => client.app.calls.map(({ action }) => action);
const settled = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve); });

test("a room is left once, when the last of its users is gone", async () => {
  const client = await connected();
  const left: string[] = [];
  const leave = ["first", "second"].map((name) => enterRoom(client, "c", () => left.push(name)));
  expect([isUsed(client, "c"), isUsed(client, "d")]).toEqual([true, false]);
  leave[0]?.();
  await settled();
  expect([isUsed(client, "c"), left]).toEqual([true, []]);
  leave[1]?.();
  expect([isUsed(client, "c"), left]).toEqual([false, []]);
  await settled();
  expect(left).toEqual(["second"]);
});

test("a user that leaves and comes back in one go has never left", async () => {
  const client = await connected();
  let left = 0;
  enterRoom(client, "c", () => { left += 1; })();
  const leave = enterRoom(client, "c", () => { left += 1; });
  await settled();
  expect([isUsed(client, "c"), left]).toEqual([true, 0]);
  leave();
  await settled();
  expect(left).toBe(1);
});

test("both of two users that leave in one go are heard once", async () => {
  const client = await connected();
  let left = 0;
  const leave = [1, 2].map(() => enterRoom(client, "c", () => { left += 1; }));
  for (const each of leave) each();
  await settled();
  expect(left).toBe(1);
});

test("the rooms of two connections are not the same", async () => {
  const [one, other] = [await connected(), await connected()];
  enterRoom(one, "c", () => undefined);
  expect([isUsed(one, "c"), isUsed(other, "c")]).toEqual([true, false]);
});

test("who leaves while it opens is told when it has opened", async () => {
  let answer: () => void = () => undefined;
  const client = await connected({
    state: { conversations: { c: CONVERSATION } },
    on: { "conversations.open": () => new Promise<null>((resolve) => { answer = () => { resolve(null); }; }) },
  });
  const order: string[] = [];
  const leave = enterRoom(client, "c", (opening) => { void opening.then(() => order.push("opened, then left")); });
  const opening = openRoom(client, "c", null).then((created) => order.push(`created: ${created}`));
  await settled();
  leave();
  await settled();
  expect(order).toEqual([]);
  answer();
  await client.app.advance(0);
  await opening;
  await settled();
  expect(order.sort()).toEqual(["created: false", "opened, then left"]);
});

test("two looks at a conversation are one call, and one that is open is not opened again", async () => {
  const client = await connected({ state: { conversations: { c: CONVERSATION } } });
  await Promise.all([openRoom(client, "c", null), openRoom(client, "c", null), client.app.advance(0)]);
  expect(actions(client)).toEqual(["conversations.open"]);
  expect(client.getState().threads["c"]).toBeDefined();
  expect(await openRoom(client, "c", KEPT)).toBe(false);
  expect(actions(client)).toEqual(["conversations.open"]);
});

test("a conversation that does not exist is created only if that is asked for, with what was asked", async () => {
  const client = await connected();
  expect(await openRoom(client, "new", null)).toBe(false);
  expect(actions(client)).toEqual([]);
  const [created] = await Promise.all([openRoom(client, "new", { settings: { temperature: 0 }, keep: false }), client.app.advance(0)]);
  expect(created).toBe(true);
  expect(client.app.calls).toEqual([{ action: "conversations.create", args: { id: "new", keep: false, settings: { temperature: 0 } } }]);
});

test("a creation waits for a look under way, which has found nothing, and is not made twice", async () => {
  const client = await connected();
  const look = openRoom(client, "new", null);
  const all = Promise.all([look, openRoom(client, "new", KEPT)]);
  await client.app.advance(0);
  expect(await all).toEqual([false, true]);
  expect(actions(client)).toEqual(["conversations.create"]);
});

test("an opening that failed is tried again by the next one", async () => {
  let fails = true;
  const client = await connected({
    state: { conversations: { c: CONVERSATION } },
    on: {
      "conversations.open": () => {
        if (fails) throw new Error("no");
        return null;
      },
    },
  });
  await Promise.all([expect(openRoom(client, "c", null)).rejects.toThrow(), client.app.advance(0)]);
  fails = false;
  await Promise.all([openRoom(client, "c", null), client.app.advance(0)]);
  expect(actions(client)).toEqual(["conversations.open", "conversations.open"]);
});

test("an app that is starting is waited for; giving up, and the end of the connection, end that", async () => {
  const client = await connected({ state: { status: "starting" } });
  const stop = new AbortController();
  const given = started(client, stop.signal);
  const waited = started(client);
  stop.abort("enough"); // before it could listen
  await expect(given).rejects.toMatchObject({ code: "cancelled" });
  const later = new AbortController();
  const givenLater = started(client, later.signal);
  await settled();
  later.abort("enough");
  await expect(givenLater).rejects.toMatchObject({ code: "cancelled" });
  client.app.change((state) => ({ ...state, version: "another change" }));
  await client.app.advance(0);
  client.app.change((state) => ({ ...state, status: "ready" }));
  await client.app.advance(0);
  expect((await waited).status).toBe("ready");
  expect((await started(client)).status).toBe("ready");

  const other = await connected({ state: { status: "starting" } });
  const lost = started(other);
  await settled();
  other.app.crash("out of memory");
  await expect(lost).rejects.toMatchObject({ code: "disconnected" });
});
