/** Gives the components below it a client, and the hooks that everything else stands on. */

import {
  createContext,
  useCallback,
  useContext,
  useEffect,
  useInsertionEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
  type ReactNode,
} from "react";
import type { AppClient, Boot, Call } from "./client.ts";
import { connect as connectToSite } from "./connect.ts";
import { Connection, type ConnectionStatus } from "./connection.ts";
import type { AppState } from "./state.ts";

export interface BrowserLLMProviderProps {
  /** A client that you have already; it is not closed on unmount. */
  readonly client?: AppClient | undefined;
  /** The address of the site that `browserllm build` wrote; by default the page's own folder. */
  readonly base?: string | undefined;
  /** Connects in your own way. Called once, also in StrictMode; its client is closed on unmount. */
  readonly connect?: ((onBoot: (boot: Boot) => void) => AppClient | Promise<AppClient>) | undefined;
  readonly children?: ReactNode;
}

const ConnectionContext = createContext<Connection | null>(null);

/** Connects to the app on mount. `client`, `base` and `connect` say how; the first that is given counts. */
export function BrowserLLMProvider({ client, base, connect, children }: BrowserLLMProviderProps): ReactNode {
  const latest = useRef(connect);
  const ownConnect = connect !== undefined;
  const connection = useMemo(() => {
    if (client) return Connection.of(client);
    if (ownConnect) return new Connection((onBoot) => latest.current?.(onBoot) ?? connectToSite({ base: "./", onBoot }), true);
    return new Connection((onBoot) => connectToSite({ base: base ?? "./", onBoot }), false);
  }, [client, base, ownConnect]);
  useInsertionEffect(() => { latest.current = connect; });
  useEffect(connection.mount, [connection]);
  return <ConnectionContext.Provider value={connection}>{children}</ConnectionContext.Provider>;
}

function useOwnConnection(): Connection {
  const connection = useContext(ConnectionContext);
  if (!connection) throw new Error("hooks of @browserllm/react need a <BrowserLLMProvider> above them");
  return connection;
}

/** The client. It is there at once: its calls wait until the app is connected. */
export function useClient(): AppClient {
  return useOwnConnection().client;
}

export interface UseConnection extends ConnectionStatus {
  /** Connect again after a failure. */
  readonly retry: () => void;
}

/** How the connection to the app is, while it starts and after it. */
export function useConnection(): UseConnection {
  const connection = useOwnConnection();
  const now = useSyncExternalStore(connection.subscribe, connection.getStatus, connection.getStatus);
  return useMemo(() => ({ ...now, retry: connection.retry }), [now, connection]);
}

/**
 * A part of the app's state. The component renders when the part changes, and only then.
 *
 * `select` may be an inline function. Where it makes a new object each time, give `isEqual`, such as `shallowEqual`.
 */
export function useSelector<T>(select: (state: AppState) => T, isEqual: (a: T, b: T) => boolean = Object.is): T {
  const { getState, subscribe } = useClient();
  const shown = useRef<{ readonly value: T } | null>(null);
  const selection = useMemo(() => {
    let last: { readonly state: AppState; readonly value: T } | null = null;
    return (): T => {
      const state = getState();
      if (last && Object.is(last.state, state)) return last.value;
      const before = last ?? shown.current;
      const next = select(state);
      last = { state, value: before && isEqual(before.value, next) ? before.value : next };
      return last.value;
    };
  }, [getState, select, isEqual]);
  const value = useSyncExternalStore(subscribe, selection, selection);
  useEffect(() => { shown.current = { value }; });
  return value;
}

/** Call an action of the app; the function is always the same. It rejects with a `BrowserLLMError`. */
export function useCall(): Call {
  return useClient().call;
}

/** Whether two objects or lists have the same entries. */
export function shallowEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const keys = Object.keys(a);
  const entry = (of: object, key: string): unknown => (of as Record<string, unknown>)[key];
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && Object.is(entry(a, key), entry(b, key)));
}

/** A function that is always the same and calls the newest one that was rendered. */
export function useEvent<A extends unknown[], R>(handler: (...args: A) => R): (...args: A) => R {
  const latest = useRef(handler);
  useInsertionEffect(() => { latest.current = handler; });
  return useCallback((...args: A) => latest.current(...args), []);
}
