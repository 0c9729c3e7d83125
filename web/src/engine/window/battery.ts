/** The window's side of the battery: only windows are told of it, and not in every browser. */

import type { Battery } from "../environment.ts";

type BatteryManager = Battery & Pick<EventTarget, "addEventListener">;

export interface BatteryNavigator {
  readonly getBattery?: () => Promise<BatteryManager>;
}

/** Tell how full the battery is, now and at every change; never where the browser does not say. */
export async function watchBattery(navigator: BatteryNavigator, tell: (battery: Battery) => void): Promise<void> {
  try {
    const battery = await navigator.getBattery?.();
    if (battery === undefined) return;
    const report = (): void => { tell({ level: battery.level, charging: battery.charging }); };
    battery.addEventListener("levelchange", report);
    battery.addEventListener("chargingchange", report);
    report();
  } catch {
    // A page in somebody's frame, or not served safely, may not know: then nobody tells.
  }
}
