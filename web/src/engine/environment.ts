/** The network and the battery, as far as the browser tells. Nobody has to ask twice: every change is told. */

export interface Battery {
  /** 0 up to 1. */
  readonly level: number;
  readonly charging: boolean;
}

/** What changes around a device. A value that nobody tells is null. */
export interface Environment {
  readonly online: boolean | null;
  readonly connection: {
    /** `cellular`, `wifi`, `ethernet`, ...: phones tell, most computers do not. */
    readonly type: string | null;
    /** `slow-2g`, `2g`, `3g` or `4g`: how fast it seems, whatever it is. */
    readonly effective_type: string | null;
    readonly save_data: boolean | null;
  };
  readonly battery: Battery | null;
}

/** What of a worker's global scope is looked at; some of it only in some browsers. */
export interface EnvironmentScope {
  readonly navigator: {
    readonly onLine?: boolean | undefined;
    readonly connection?: Partial<EventTarget> & { readonly type?: string; readonly effectiveType?: string; readonly saveData?: boolean } | undefined;
  };
  addEventListener(type: "online" | "offline", listener: () => void): void;
}

export class EnvironmentWatch {
  readonly #navigator: EnvironmentScope["navigator"];
  readonly #changed: (environment: Environment) => void;
  #battery: Battery | null = null;
  #told: Environment;

  constructor(scope: EnvironmentScope, changed: (environment: Environment) => void) {
    this.#navigator = scope.navigator;
    this.#changed = changed;
    this.#told = this.#read();
    const look = (): void => { this.look(); };
    scope.addEventListener("online", look);
    scope.addEventListener("offline", look);
    scope.navigator.connection?.addEventListener?.("change", look);
  }

  /** How things are now; what has changed since is told first, so that nobody learns it out of order. */
  look(): Environment {
    const now = this.#read();
    if (JSON.stringify(now) !== JSON.stringify(this.#told)) {
      this.#told = now;
      this.#changed(now);
    }
    return now;
  }

  /** The battery is the window's to watch: workers have none. */
  setBattery(battery: Battery): void {
    this.#battery = battery;
    this.look();
  }

  #read(): Environment {
    const { onLine, connection } = this.#navigator;
    return {
      online: onLine ?? null,
      connection: {
        type: connection?.type ?? null,
        effective_type: connection?.effectiveType ?? null,
        save_data: connection?.saveData ?? null,
      },
      battery: this.#battery,
    };
  }
}
