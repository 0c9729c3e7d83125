/** Starts the app of a site: its `connect.js` brings the engine and Python, wherever they run. */

import { BrowserLLMError, cancelled } from "./errors.ts";
import { createClient, type AppClient, type AppPipe, type Boot } from "./client.ts";

/** What a site's `connect.js` exports. */
export interface ConnectModule {
  connect(onBoot?: (boot: Boot) => void): Promise<AppPipe>;
  /** Gives up a start in progress, where that is possible. */
  cancelStart?(): void;
}

export interface ConnectOptions {
  /** The address of the site that `browserllm build` wrote, such as `/llm/`. */
  readonly base: string;
  /** Called while Python and the engine start. */
  readonly onBoot?: ((boot: Boot) => void) | undefined;
}

interface Connecting {
  readonly client: Promise<AppClient>;
  readonly watchers: Set<(boot: Boot) => void>;
  boot: Boot | null;
  /** How many have asked for it. */
  users: number;
  module: ConnectModule | null;
}

const connections = new Map<string, Connecting>();

/** Connect to the app of a site. A page has one per base: a second call returns the same client. */
export function connect({ base, onBoot }: ConnectOptions): Promise<AppClient> {
  if (typeof document === "undefined") return notHere();
  const address = addressOf(base);
  const connecting = connections.get(address) ?? begin(address);
  connecting.users += 1;
  if (onBoot) {
    connecting.watchers.add(onBoot);
    if (connecting.boot) onBoot(connecting.boot);
  }
  return connecting.client;
}

/** Give up connecting to the app of a site, unless other parts of the page wait for it, too. What has started stays. */
export function cancelConnect(base: string): void {
  const address = addressOf(base);
  const connecting = connections.get(address);
  if (connecting?.users !== 1) return;
  connections.delete(address);
  connecting.module?.cancelStart?.();
}

function addressOf(base: string): string {
  return new URL(base.endsWith("/") ? base : `${base}/`, document.baseURI).href;
}

/** On a server, a module that connects can be imported; only what needs the connection fails. */
function notHere(): Promise<never> {
  const failed: Promise<never> = Promise.reject(
    new BrowserLLMError({
      code: "unavailable",
      title: "Not in a browser",
      message: "connect() was called where there is no page, such as while a server renders",
      remedy: "Connect in the browser: in an effect, or through <BrowserLLMProvider>.",
      actions: [],
      data: {},
    }),
  );
  failed.catch(() => undefined);
  return failed;
}

function begin(address: string): Connecting {
  const watchers = new Set<(boot: Boot) => void>();
  const connecting: Connecting = {
    watchers,
    boot: null,
    users: 0,
    module: null,
    client: start(
      address,
      (module) => {
        if (connections.get(address) !== connecting) throw cancelled("nothing waits for it");
        connecting.module = module;
      },
      (boot) => {
        connecting.boot = boot;
        for (const watcher of watchers) watcher(boot);
      },
    ),
  };
  connections.set(address, connecting);
  // What has failed or ended may be tried again.
  const forget = (): void => { if (connections.get(address) === connecting) connections.delete(address); };
  connecting.client.then((client) => client.onClose(forget), forget).finally(() => { watchers.clear(); });
  return connecting;
}

async function start(address: string, onModule: (module: ConnectModule) => void, onBoot: (boot: Boot) => void): Promise<AppClient> {
  const module = await load(address);
  onModule(module);
  const client = createClient(await module.connect(onBoot));
  await client.ready;
  return client;
}

const failures = new Map<string, number>();

async function load(address: string): Promise<ConnectModule> {
  const failed = failures.get(address) ?? 0;
  // A browser may remember that a module could not be fetched: then it asks again only under another address.
  const script = `${address}connect.js${failed > 0 ? `?attempt=${failed + 1}` : ""}`;
  try {
    return (await import(/* @vite-ignore */ script)) as ConnectModule;
  } catch (cause) {
    failures.set(address, failed + 1);
    throw new BrowserLLMError(
      {
        code: "connect_failed",
        title: "The app did not start",
        message: `${script} could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
        remedy: "Check the connection. `base` must be the address of the folder that `browserllm build` wrote.",
        actions: ["retry", "reload"],
        data: { address: script },
      },
      { cause },
    );
  }
}
