/** What a service's state means to people: one of five states, two figures, and what is going on. No DOM, no clock. */

import type { AppState, Download, ErrorInfo } from "@browserllm/react/state";
import { formatBytes, formatCount, formatDuration, formatPercent, formatRate } from "../app/format.ts";
import { isSoftware } from "../app/software.ts";
import { findModel, loadedModel, modelName, unknownWords } from "./models.ts";
import type { Service } from "./service.ts";
import type { WidgetLanguage } from "./languages.ts";
import type { WidgetTexts } from "./texts.ts";

/** `disabled`: no model is in memory. `active`: it answers. `idle`: it waits for a question. */
export type WidgetState = "disabled" | "loading" | "active" | "idle" | "error";

/** A figure: `text` is `value` as people read it, with its unit. */
export interface Metric {
  readonly label: string;
  readonly value: number;
  readonly unit: string;
  readonly text: string;
}

/** The status protocol. */
export interface WidgetStatus {
  readonly state: WidgetState;
  /** While loading how far it is (in percent), otherwise the average speed in tokens/s; `null` if it is not known. */
  readonly primaryMetric: Metric | null;
  /** While loading the seconds left, otherwise the number of answers. */
  readonly secondaryMetric: Metric | null;
  /** When the last answer ended, in milliseconds since the epoch. */
  readonly lastActivity: number | null;
  /** A short sentence about what is going on. */
  readonly message: string;
  /** The id of the model that is in memory. */
  readonly model: string | null;
  readonly error: ErrorInfo | null;
}

/** How far a start, a download or a load is; what is not known is `null`. */
export interface WidgetProgress {
  readonly model: string | null;
  readonly phase: string;
  /** 0..1 */
  readonly fraction: number | null;
  readonly receivedBytes: number | null;
  readonly totalBytes: number | null;
  readonly bytesPerS: number | null;
  readonly leftS: number | null;
}

export interface Words {
  readonly texts: WidgetTexts;
  /** A BCP 47 tag, for numbers and times. */
  readonly language: string;
  /** Says an error of Python in that language; without it, as Python says it. */
  readonly translate?: WidgetLanguage["translate"];
  /** The model that the page, or the user, asks for. */
  readonly asked?: string | null;
}

/** What went wrong, if that is what people should see. */
export function errorOf(service: Service): ErrorInfo | null {
  const connection = service.connection.getStatus();
  if (connection.error) return connection.error.toInfo();
  const { error, state } = service;
  if (error) return error;
  if (state.status === "failed") return state.error;
  const lost = loadedModel(state) ? undefined : state.notices.find(({ id }) => id === "device-lost");
  return lost ? (lost.error ?? { code: "device_lost", title: "The GPU was lost", message: lost.text, remedy: null, actions: ["retry"], data: {} }) : null;
}

export function stateOf(service: Service): WidgetState {
  const { state } = service;
  const connection = service.connection.getStatus().status;
  const starting = service.started && (connection === "connecting" || (connection === "ready" && state.status === "starting"));
  if (starting || service.loading !== null || state.loading) return "loading";
  if (service.running > 0 || answers(state)) return "active";
  if (errorOf(service)) return "error";
  return loadedModel(state) ? "idle" : "disabled";
}

/** Whether any part of the page is getting an answer. */
function answers({ threads, compare }: AppState): boolean {
  return Object.values(threads).some(({ answering, elsewhere }) => answering !== null && !elsewhere) || compare.runs.some(({ status }) => status === "streaming");
}

/** How far the start or the load is; `null` if nothing is loading. */
export function progressOf(service: Service): WidgetProgress | null {
  if (stateOf(service) !== "loading") return null;
  const { state } = service;
  const model = service.loading === null ? (state.loading?.model ?? null) : (findModel(state, service.loading)?.id ?? state.loading?.model ?? service.loading);
  const { status, boot } = service.connection.getStatus();
  if (status === "connecting") return { ...NOTHING, model, phase: "starting", fraction: boot?.fraction ?? null, receivedBytes: boot?.receivedBytes ?? null, totalBytes: boot?.totalBytes ?? null };
  const download = model === null ? undefined : state.downloads[model];
  if (download && download.state !== "paused" && download.state !== "failed") return { ...bytes(download), model, phase: download.state === "verifying" ? "verifying" : "downloading" };
  const loading = state.loading?.model === model ? state.loading : null;
  return { ...NOTHING, model, phase: loading?.phase ?? "loading", fraction: loading?.fraction ?? null };
}

const NOTHING = { fraction: null, receivedBytes: null, totalBytes: null, bytesPerS: null, leftS: null };

function bytes({ receivedBytes, totalBytes, bytesPerS, leftS }: Download): Omit<WidgetProgress, "model" | "phase"> {
  return { fraction: totalBytes ? Math.min(1, receivedBytes / totalBytes) : null, receivedBytes, totalBytes, bytesPerS, leftS };
}

export function statusOf(service: Service, words: Words): WidgetStatus {
  const { state } = service;
  const kind = stateOf(service);
  const progress = progressOf(service);
  const { totals } = state;
  const metrics = progress ? loadingMetrics(progress, words) : answerMetrics(state, words);
  const problem = kind === "error" ? errorOf(service) : null;
  const error = problem && told(problem, words);
  return {
    state: kind,
    primaryMetric: metrics[0],
    secondaryMetric: metrics[1],
    lastActivity: totals.lastActivityAt,
    message: error ? error.title : progress ? loadingMessage(service, progress, words) : restingMessage(service, kind, words),
    model: loadedModel(state)?.model ?? null,
    error,
  };
}

function loadingMetrics({ fraction, leftS }: WidgetProgress, { texts, language }: Words): [Metric | null, Metric | null] {
  return [
    fraction === null ? null : { label: texts.progress, value: Math.round(fraction * 100), unit: "%", text: formatPercent(fraction, language) },
    leftS === null ? null : { label: texts.timeLeft, value: leftS, unit: "s", text: `${formatDuration(leftS * 1000, language)} ${texts.timeLeft}` },
  ];
}

function answerMetrics({ totals }: AppState, { texts, language }: Words): [Metric | null, Metric | null] {
  const { tokensPerS, answers: count } = totals;
  return [
    tokensPerS === null ? null : { label: texts.speed, value: tokensPerS, unit: "tokens/s", text: `${formatRate(tokensPerS, language)} ${texts.tokensPerS}` },
    count === 0 ? null : { label: texts.answers, value: count, unit: "", text: formatCount(count, language) },
  ];
}

function loadingMessage(service: Service, { model, phase }: WidgetProgress, { texts, translate }: Words): string {
  if (phase === "starting") return (translate ? null : service.connection.getStatus().boot?.text) ?? texts.starting;
  if (model === null) return texts.starting;
  return `${phase === "downloading" ? texts.downloading : texts.loading}: ${modelName(service.state, model)}`;
}

/** An error in the words of the widget's language. */
export function told(error: ErrorInfo, { texts, translate }: Words): ErrorInfo {
  const { code, data } = error;
  if (code === "model_not_found" && data["known"]) return { ...error, ...unknownWords(data, texts) };
  return translate?.(error) ?? error;
}

function restingMessage(service: Service, kind: WidgetState, { texts, asked = null }: Words): string {
  if (kind === "disabled") return service.started ? texts.noModel : asked === null ? texts.notStarted : texts.notStartedModel;
  return texts[kind];
}

/** What runs where: the engine and the device of the model in memory. */
export function badgesOf(service: Service, { texts }: Words): { readonly name: "engine" | "device"; readonly text: string; readonly title: string }[] {
  const { state } = service;
  const loaded = loadedModel(state);
  if (!loaded) return [];
  const label = state.engines.find(({ name }) => name === loaded.engine)?.label ?? loaded.engine;
  const gpu = loaded.device.includes("gpu") && !isSoftware(loaded.adapter);
  return [
    { name: "engine", text: label, title: loaded.engine },
    { name: "device", text: gpu ? texts.gpu : texts.cpu, title: loaded.adapter ?? state.device?.gpu?.name ?? loaded.device },
  ];
}

/** The bytes that models take in memory: as measured after the last answer, or as estimated. */
export function memoryOf({ samples, loaded, models }: AppState): { readonly bytes: number; readonly estimated: boolean } | null {
  if (loaded.length === 0) return null;
  const measured = samples.at(-1);
  if (measured?.memoryBytes && loaded.some(({ model }) => model === measured.model)) return { bytes: measured.memoryBytes, estimated: false };
  const estimates = loaded.map(({ model, engine, device }) => {
    const known = models[model];
    return known?.builds.find((build) => build.engine === engine && build.device === device)?.memoryBytes ?? known?.memoryBytes ?? 0;
  });
  const sum = estimates.reduce((total, each) => total + each, 0);
  return sum > 0 ? { bytes: sum, estimated: true } : null;
}

/** The figures of this session, each with its name. */
export function statsOf({ totals, ...state }: AppState, { texts, language }: Words): [label: string, value: string][] {
  const memory = memoryOf({ totals, ...state });
  return [
    ...(totals.answers > 0
      ? ([
          [texts.answers, formatCount(totals.answers, language)],
          [texts.tokens, formatCount(totals.tokens, language)],
          ...(totals.tokensPerS === null ? [] : [[texts.speed, `${formatRate(totals.tokensPerS, language)} ${texts.tokensPerS}`]]),
          ...(totals.answerMs === null ? [] : [[texts.answerTime, formatDuration(totals.answerMs, language)]]),
        ] as [string, string][])
      : []),
    ...(memory ? [[texts.memory, `${memory.estimated ? "≈ " : ""}${formatBytes(memory.bytes, language)}`] as [string, string]] : []),
  ];
}

/** The line under the bar: bytes, speed and time left, or for how long it has taken. */
export function progressText(progress: WidgetProgress, elapsedMs: number, silentMs: number, { texts, language }: Words): string {
  const { fraction, receivedBytes, totalBytes, bytesPerS, leftS } = progress;
  const parts: string[] = [];
  if (receivedBytes !== null) parts.push(totalBytes === null ? formatBytes(receivedBytes, language) : `${formatBytes(receivedBytes, language)} ${texts.of} ${formatBytes(totalBytes, language)}`);
  else if (fraction !== null) parts.push(formatPercent(fraction, language));
  if (receivedBytes !== null && silentMs >= SILENCE_MS) parts.push(`${texts.waiting} ${formatDuration(silentMs, language)}`);
  else {
    if (bytesPerS) parts.push(`${formatBytes(bytesPerS, language)}${texts.perSecond}`);
    if (leftS !== null) parts.push(`${formatDuration(leftS * 1000, language)} ${texts.timeLeft}`);
    else if (elapsedMs >= 1000) parts.push(`${formatDuration(elapsedMs - (elapsedMs % 1000), language)} ${texts.elapsed}`);
  }
  return parts.join(" · ");
}

const SILENCE_MS = 10_000;

/** When it was last used and when its memory is freed, seen from `now`. */
export function timesText({ totals, ...state }: AppState, now: number, { texts, language }: Words): string {
  const expiresAt = loadedModel({ totals, ...state })?.expiresAt ?? null;
  const parts: string[] = [];
  if (totals.lastActivityAt !== null) parts.push(`${texts.lastUsed} ${relative(totals.lastActivityAt - now, language)}`);
  if (expiresAt !== null && expiresAt > now) parts.push(`${texts.freed} ${relative(expiresAt - now, language)}`);
  return parts.join(" · ");
}

function relative(ms: number, language: string): string {
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
  const seconds = Math.round(ms / 1000);
  if (Math.abs(seconds) < 60) return format.format(Math.abs(seconds) < 5 ? 0 : seconds, "second");
  const minutes = Math.round(seconds / 60);
  return Math.abs(minutes) < 60 ? format.format(minutes, "minute") : format.format(Math.round(minutes / 60), "hour");
}
