import { describe, expect, it, test } from "vitest";
import { EnvironmentWatch, type Environment, type EnvironmentScope } from "../../web/src/engine/environment.ts";
import { watchVisibility } from "../../web/src/engine/window/visibility.ts";
import { watchBattery, type BatteryNavigator } from "../../web/src/engine/window/battery.ts";
import { WindowLink } from "../../web/src/engine/window/link.ts";
import { NOWHERE } from "./helpers.ts";

/** A worker's global scope whose network the test changes. */
class Scope extends EventTarget {
  readonly connection = Object.assign(new EventTarget(), { type: "wifi", effectiveType: "4g", downlink: 2.5, saveData: false });
  readonly navigator = { onLine: true, connection: this.connection };
}

function look(scope: EnvironmentScope): { environment: EnvironmentWatch; reported: Environment[] } {
  const reported: Environment[] = [];
  return { environment: new EnvironmentWatch(scope, (now) => reported.push(now)), reported };
}

describe("the environment of a device", () => {
  it("is what the browser reports", () => {
    expect(look(new Scope()).environment.look()).toEqual({
      online: true,
      connection: { type: "wifi", effective_type: "4g", downlink_mbps: 2.5, save_data: false },
      battery: null,
      visibility: null,
    });
  });

  it("has no speed of the connection until the browser has measured one", () => {
    const scope = new Scope();
    const { environment } = look(scope);
    expect(environment.look().connection.downlink_mbps).toBe(2.5);
    for (const assumed of [1.45, 1.7, 1.95, 2.65, 0]) {
      scope.connection.downlink = assumed;
      expect(environment.look().connection.downlink_mbps).toBeNull();
    }
  });

  it("is null where the browser reports nothing", () => {
    const silent = { navigator: {}, addEventListener: () => undefined };
    expect(look(silent).environment.look()).toEqual(NOWHERE);
    const deaf = { navigator: { connection: { saveData: true } }, addEventListener: () => undefined };
    expect(look(deaf).environment.look().connection.save_data).toBe(true);
  });

  it("is reported at every change, and only then", () => {
    const scope = new Scope();
    const { reported } = look(scope);
    scope.dispatchEvent(new Event("online")); // it was before
    expect(reported).toEqual([]);
    scope.navigator.onLine = false;
    scope.dispatchEvent(new Event("offline"));
    scope.connection.type = "cellular";
    scope.connection.dispatchEvent(new Event("change"));
    scope.connection.downlink = 9; // which changes all the time
    scope.connection.dispatchEvent(new Event("change"));
    scope.navigator.onLine = true;
    scope.dispatchEvent(new Event("online"));
    expect(reported.map(({ online, connection }) => [online, connection.type])).toEqual([
      [false, "wifi"],
      [false, "cellular"],
      [true, "cellular"],
    ]);
  });

  it("is reported before it is returned, when it changed without an event", () => {
    const scope = new Scope();
    const { environment, reported } = look(scope);
    scope.navigator.onLine = false;
    expect(environment.look().online).toBe(false);
    expect(reported).toHaveLength(1);
  });
});

test("whether the page is seen is reported from the window by the worker", () => {
  const { environment, reported } = look(new Scope());
  const link = new WindowLink(() => undefined, undefined, (now) => { environment.setVisibility(now); });
  const state: { visibilityState: Document["visibilityState"] } = { visibilityState: "visible" };
  const page = Object.assign(new EventTarget(), state);
  watchVisibility(page, (visibility) => {
    expect(link.receive({ type: "visibility", visibility })).toBe(true);
  });
  page.visibilityState = "hidden";
  page.dispatchEvent(new Event("visibilitychange"));
  page.dispatchEvent(new Event("freeze"));
  page.dispatchEvent(new Event("resume"));
  page.visibilityState = "visible";
  page.dispatchEvent(new Event("visibilitychange"));
  expect(reported.map((now) => now.visibility)).toEqual(["visible", "hidden", "frozen", "hidden", "visible"]);
});

describe("the battery", () => {
  function battery(): EventTarget & { level: number; charging: boolean } {
    return Object.assign(new EventTarget(), { level: 0.5, charging: true });
  }

  it("has the battery from the window, and is reported by the worker", async () => {
    const { environment, reported } = look(new Scope());
    const link = new WindowLink(() => undefined, (now) => { environment.setBattery(now); });
    const real = battery();
    await watchBattery({ getBattery: () => Promise.resolve(real) }, (now) => {
      expect(link.receive({ type: "battery", battery: now })).toBe(true);
    });
    real.level = 0.25;
    real.dispatchEvent(new Event("levelchange"));
    real.charging = false;
    real.dispatchEvent(new Event("chargingchange"));
    expect(reported.map((now) => now.battery)).toEqual([
      { level: 0.5, charging: true },
      { level: 0.25, charging: true },
      { level: 0.25, charging: false },
    ]);
    expect(environment.look().battery).toEqual({ level: 0.25, charging: false });
  });

  it.each<[string, BatteryNavigator]>([
    ["a browser without it", {}],
    ["a page that may not know", { getBattery: () => Promise.reject(new DOMException("no", "NotAllowedError")) }],
    ["a browser that throws", { getBattery: () => { throw new TypeError("gone"); } }],
  ])("stays unknown in %s", async (_, navigator) => {
    const reported: unknown[] = [];
    await watchBattery(navigator, (now) => reported.push(now));
    expect(reported).toEqual([]);
  });
});
