/** Watches the battery in the window: workers have no battery API, and some browsers have none at all. */

import type { Battery } from "../environment.ts";

type BatteryManager = Battery & Pick<EventTarget, "addEventListener">;

export interface BatteryNavigator {
  readonly getBattery?: () => Promise<BatteryManager>;
}

/** Report the battery's level, now and at every change. Reports nothing if the browser has no battery API. */
export async function watchBattery(navigator: BatteryNavigator, report: (battery: Battery) => void): Promise<void> {
  try {
    const battery = await navigator.getBattery?.();
    if (battery === undefined) return;
    const reportNow = (): void => { report({ level: battery.level, charging: battery.charging }); };
    battery.addEventListener("levelchange", reportNow);
    battery.addEventListener("chargingchange", reportNow);
    reportNow();
  } catch {
    // A page in a foreign frame, or in an insecure context, may not read the battery.
  }
}
