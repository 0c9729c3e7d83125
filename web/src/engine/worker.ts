/**
 * The engine worker: owns the GPU and speaks the protocol with any number of peers.
 *
 * The page sends `{type: "connect", base, port}` for a MessagePort and `{type: "connect", base, secret}` for Python's
 * WebSocket, which is opened here so that no text passes through the page's thread; its address is the site's own (socket.ts).
 * `base` is where the site's files are. With `guest: true` a port's peer is Python outside of this site (guest.ts). The worker sends the page `{type: "socket", state: "open" | "closed", reason}` about
 * sockets, and asks it for what only a window can do (window/messages.ts). `{type: "used_files", port}` asks which files it
 * has fetched, so that they can be kept for visits without a network.
 */

import { version } from "../../react/package.json";
import { toPageError } from "./errors.ts";
import { isRecord } from "./fields.ts";
import { isGpuGone } from "./gpu.ts";
import { asGuest } from "./guest.ts";
import { Peer } from "./peer.ts";
import { Prober, type ProbeScope } from "./probe.ts";
import { PROTOCOL_VERSION } from "./protocol.ts";
import { engines } from "./engines.ts";
import { Downloader } from "./files/download.ts";
import { browserPlatform } from "./files/platform.ts";
import { Journal } from "./files/journal.ts";
import { Partials } from "./files/partial.ts";
import { BrowserStore } from "./files/store.ts";
import { EngineRegistry } from "./registry.ts";
import { Service } from "./service.ts";
import { socketUrl } from "./socket.ts";
import { EnvironmentWatch, type EnvironmentScope } from "./environment.ts";
import { usedFiles } from "./used-files.ts";
import { Values } from "./values.ts";
import { WindowLink } from "./window/link.ts";
import type { ToWindow } from "./window/messages.ts";

export interface SocketNews {
  readonly type: "socket";
  readonly state: "open" | "closed";
  readonly reason: string;
}

/** The parts of the worker's global scope that are used here; TypeScript's libraries offer a page's or a worker's, not both. */
interface WorkerScope extends EnvironmentScope, ProbeScope {
  readonly navigator: EnvironmentScope["navigator"] & ProbeScope["navigator"];
  readonly caches?: CacheStorage;
  readonly indexedDB?: IDBFactory;
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  postMessage(message: SocketNews | ToWindow, transfer?: Transferable[]): void;
  addEventListener(type: "online" | "offline", listener: () => void): void;
  addEventListener(type: "unhandledrejection", listener: (event: PromiseRejectionEvent) => void): void;
}

const scope = self as unknown as WorkerScope;
performance.setResourceTimingBufferSize(1000); // for used_files: models have up to some hundred files
const environment = new EnvironmentWatch(scope, (now) => { broadcast("environment", { ...now }); });
const prober = new Prober(scope, environment);
const windowLink = new WindowLink(
  (message, transfer) => { scope.postMessage(message, transfer); },
  (battery) => { environment.setBattery(battery); },
  (visibility) => { environment.setVisibility(visibility); },
);
const registry = new EngineRegistry(engines, windowLink);
const platform = browserPlatform();
const peers = new Set<Peer>();
let service: Service | null = null;

const hello = {
  protocol: PROTOCOL_VERSION,
  page_version: version,
  user_agent: navigator.userAgent,
};

function broadcast(name: string, data: Readonly<Record<string, unknown>>): void {
  for (const peer of peers) peer.event(name, data);
}

function makeStore(base: string): BrowserStore {
  return new BrowserStore({
    base,
    caches: scope.caches,
    storage: navigator.storage,
    journal: new Journal(scope.indexedDB),
    partials: new Partials(platform),
    window: windowLink,
  });
}

function addPeer(base: string, send: (text: string) => void, guest = false): Peer {
  // There is one page and so one base: the first peer's.
  service ??= new Service({
    registry,
    prober,
    fetcher: new Downloader(platform),
    store: makeStore(base),
    values: new Values(scope.indexedDB, () => { broadcast("storage_lost", {}); }),
    base,
    event: broadcast,
  });
  const { handle } = service;
  // The window has said by now which engines the browser offers there.
  const peer = new Peer({ send }, { ...hello, engines: registry.list(), environment: environment.look() }, guest ? asGuest(handle) : handle);
  peers.add(peer);
  return peer;
}

function removePeer(peer: Peer): void {
  peers.delete(peer);
  peer.close();
}

function connectPort(base: string, port: MessagePort, guest: boolean): void {
  const peer = addPeer(base, (text) => { port.postMessage(text); }, guest);
  port.onmessage = ({ data }) => { peer.receive(data); };
  // Not in every browser yet; where it is missing, a dead port's requests end by themselves.
  port.addEventListener("close", () => { removePeer(peer); });
}

function connectSocket(base: string, secret: string): void {
  const socket = new WebSocket(socketUrl(self.location, secret));
  let peer: Peer | null = null;
  const tell = (state: SocketNews["state"], reason: string): void => {
    scope.postMessage({ type: "socket", state, reason } satisfies SocketNews);
  };
  socket.onopen = () => {
    peer = addPeer(base, (text) => { socket.send(text); });
    tell("open", "");
  };
  socket.onmessage = ({ data }) => { peer?.receive(data); };
  socket.onclose = ({ code, reason }) => {
    if (peer !== null) removePeer(peer);
    tell("closed", reason === "" ? `the connection ended (code ${code})` : reason);
  };
}

scope.onmessage = ({ data }) => {
  if (!isRecord(data) || windowLink.receive(data)) return;
  if (data["type"] === "used_files" && data["port"] instanceof MessagePort) {
    data["port"].postMessage(usedFiles());
  }
  if (data["type"] !== "connect" || typeof data["base"] !== "string") return;
  if (data["port"] instanceof MessagePort) connectPort(data["base"], data["port"], data["guest"] === true);
  else if (typeof data["secret"] === "string") connectSocket(data["base"], data["secret"]);
};

// An unhandled rejection of a runtime must not end the worker, and must be reported.
scope.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  if (isGpuGone(event.reason)) return; // what was begun on a lost GPU: its models have said that it is lost
  broadcast("internal_error", { ...toPageError(event.reason).body() });
});
