import { IDBFactory } from "fake-indexeddb";
import { describe, expect, it } from "vitest";
import { PATIENCE_MS } from "../../web/src/engine/database.ts";
import { DATABASE, DATABASE_VERSION, Journal, STORE } from "../../web/src/engine/files/journal.ts";
import { Gate, ManualClock, settle } from "./helpers.ts";

function openRaw(factory: IDBFactory, version: number, upgrade: (database: IDBDatabase) => void = () => undefined): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = factory.open(DATABASE, version);
    request.onupgradeneeded = () => { upgrade(request.result); };
    request.onsuccess = () => { resolve(request.result); };
    request.onerror = () => { reject(request.error ?? new Error("?")); };
  });
}

describe("the journal of models", () => {
  it("keeps records under their keys, replaces and removes them, and outlives the page", async () => {
    const factory = new IDBFactory();
    const journal = new Journal(factory);
    expect(await journal.read()).toEqual({});
    await journal.write({ put: { a: { last_used_ms: 1 }, b: { last_used_ms: 2 } }, remove: [] });
    const records = await journal.write({ put: { a: { last_used_ms: 3 } }, remove: ["b", "never there"] });
    expect(records).toEqual({ a: { last_used_ms: 3 } });
    expect(await new Journal(factory).read()).toEqual({ a: { last_used_ms: 3 } });
  });

  it("puts after it removes, so that one request can replace a record", async () => {
    const journal = new Journal(new IDBFactory());
    expect(await journal.write({ put: { a: { n: 1 } }, remove: ["a"] })).toEqual({ a: { n: 1 } });
  });

  it("lets two writers at once both write", async () => {
    const factory = new IDBFactory();
    const [one, two] = [new Journal(factory), new Journal(factory)];
    await Promise.all([one.write({ put: { a: { n: 1 } }, remove: [] }), two.write({ put: { b: { n: 2 } }, remove: [] })]);
    expect(await one.read()).toEqual({ a: { n: 1 }, b: { n: 2 } });
  });

  it("passes over what it did not write", async () => {
    const factory = new IDBFactory();
    const database = await openRaw(factory, DATABASE_VERSION, (made) => { made.createObjectStore(STORE); });
    const transaction = database.transaction(STORE, "readwrite");
    transaction.objectStore(STORE).put("no record", "a");
    transaction.objectStore(STORE).put({ n: 1 }, 7);
    transaction.objectStore(STORE).put({ n: 2 }, "c");
    expect(await new Journal(factory).read()).toEqual({ c: { n: 2 } });
  });

  it("lets go of the database when a newer version of the site wants it, and then says so", async () => {
    const factory = new IDBFactory();
    const journal = new Journal(factory);
    await journal.write({ put: { a: { n: 1 } }, remove: [] });
    const newer = await openRaw(factory, DATABASE_VERSION + 1);
    newer.close();
    await expect(journal.read()).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("newer version") as string,
      data: { reason: "blocked" },
    });
  });

  it("does not wait for ever for a tab that holds an older version", async () => {
    const factory = new IDBFactory();
    // A stand-in for an older version that does not let go: the browser says "blocked" and nothing else.
    const request: Record<string, unknown> = {};
    const stuck = { open: () => request } as unknown as IDBFactory;
    const clock = new ManualClock();
    const reading = new Journal(stuck, clock).read();
    reading.catch(() => undefined);
    await settle();
    (request["onblocked"] as () => void)();
    clock.advance(PATIENCE_MS - 1);
    await settle();
    clock.advance(1);
    await expect(reading).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("other tabs") as string });
    // What comes too late is let go of again.
    const closed = new Gate();
    request["result"] = { close: () => { closed.open(); } };
    (request["onsuccess"] as () => void)();
    await closed.promise;
    expect(await new Journal(factory).read()).toEqual({});
  });

  it("says that a browser never answered, and asks again the next time", async () => {
    const clock = new ManualClock();
    let asked = 0;
    const silent = { open: () => { asked += 1; return {}; } } as unknown as IDBFactory;
    const journal = new Journal(silent, clock);
    for (const time of [1, 2]) {
      const reading = journal.read();
      reading.catch(() => undefined);
      clock.advance(PATIENCE_MS);
      await expect(reading).rejects.toMatchObject({ message: expect.stringContaining("within 5 s") as string });
      expect(asked).toBe(time);
    }
  });

  it("says that a broken database is broken", async () => {
    const factory = new IDBFactory();
    (await openRaw(factory, DATABASE_VERSION)).close(); // of our version, but without our store
    await expect(new Journal(factory).read()).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("clear this site's data") as string,
      data: { reason: "blocked" },
    });
    await expect(new Journal(undefined).read()).rejects.toMatchObject({ code: "unavailable", data: { reason: "blocked" } });
  });

  it("stores nothing of a request if one of its records cannot be stored", async () => {
    const journal = new Journal(new IDBFactory());
    const request = { put: { a: { n: 1 }, b: { n: () => 1 } }, remove: [] };
    await expect(journal.write(request)).rejects.toMatchObject({ code: "unavailable" });
    expect(await journal.read()).toEqual({});
  });
});
