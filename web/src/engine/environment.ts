/** The network, the battery and whether the page is seen, as far as the browser reports them; every change is reported to the listener. */

export interface Battery {
  /** 0 up to 1. */
  readonly level: number;
  readonly charging: boolean;
}

/** `frozen`: the browser is about to stop the page, and may discard it, to save memory. */
export type Visibility = "visible" | "hidden" | "frozen";

/** What changes while a device runs. A value that the browser does not report is null. */
export interface Environment {
  readonly online: boolean | null;
  readonly connection: {
    /** `cellular`, `wifi`, `ethernet`, ...: phones report it, most computers do not. */
    readonly type: string | null;
    /** `slow-2g`, `2g`, `3g` or `4g`: how fast the connection seems. */
    readonly effective_type: string | null;
    /** Megabits per second, as measured lately; no browser says more than 10. */
    readonly downlink_mbps: number | null;
    readonly save_data: boolean | null;
  };
  readonly battery: Battery | null;
  readonly visibility: Visibility | null;
}

/** The parts of a worker's global scope that are read; some browsers have only some of them. */
export interface EnvironmentScope {
  readonly navigator: {
    readonly onLine?: boolean | undefined;
    readonly connection?: Partial<EventTarget> & { readonly type?: string; readonly effectiveType?: string; readonly downlink?: number; readonly saveData?: boolean } | undefined;
  };
  addEventListener(type: "online" | "offline", listener: () => void): void;
}

export class EnvironmentWatch {
  readonly #navigator: EnvironmentScope["navigator"];
  readonly #changed: (environment: Environment) => void;
  #battery: Battery | null = null;
  #visibility: Visibility | null = null;
  #reported: Environment;

  constructor(scope: EnvironmentScope, changed: (environment: Environment) => void) {
    this.#navigator = scope.navigator;
    this.#changed = changed;
    this.#reported = this.#read();
    const look = (): void => { this.look(); };
    scope.addEventListener("online", look);
    scope.addEventListener("offline", look);
    scope.navigator.connection?.addEventListener?.("change", look);
  }

  /** The environment now; a change since the last report is reported first, so that all listeners hear it in order. */
  look(): Environment {
    const now = this.#read();
    if (newsIn(now) !== newsIn(this.#reported)) {
      this.#reported = now;
      this.#changed(now);
    }
    return now;
  }

  /** The battery, as the window reports it: workers have no access to it. */
  setBattery(battery: Battery): void {
    this.#battery = battery;
    this.look();
  }

  /** Whether the page is seen, as the window reports it. */
  setVisibility(visibility: Visibility): void {
    this.#visibility = visibility;
    this.look();
  }

  #read(): Environment {
    const { onLine, connection } = this.#navigator;
    return {
      online: onLine ?? null,
      connection: {
        type: connection?.type ?? null,
        effective_type: connection?.effectiveType ?? null,
        downlink_mbps: measured(connection?.downlink),
        save_data: connection?.saveData ?? null,
      },
      battery: this.#battery,
      visibility: this.#visibility,
    };
  }
}

/** What Chromium says before it has measured anything, for each kind of network (`DefaultObservations` in its estimator of quality). */
const UNMEASURED = [1.45, 1.7, 1.95, 2.65];

function measured(downlink: number | undefined): number | null {
  return downlink === undefined || downlink === 0 || UNMEASURED.includes(downlink) ? null : downlink;
}

/** What counts as a change: the speed of a connection changes all the time. */
function newsIn(environment: Environment): string {
  return JSON.stringify({ ...environment, connection: { ...environment.connection, downlink_mbps: null } });
}
