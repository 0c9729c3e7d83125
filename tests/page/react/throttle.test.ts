/** What is asked for often is done at most every so many milliseconds, and never forgotten. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Throttle } from "../../../web/react/src/chat/throttle.ts";

let runs: number[];
let throttle: Throttle;

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  runs = [];
  throttle = new Throttle(() => runs.push(Date.now()));
});
afterEach(() => { vi.useRealTimers(); });

test("the first request runs at once, those that follow together when the time is over", () => {
  throttle.soon(100);
  expect(runs).toEqual([0]);
  vi.advanceTimersByTime(40);
  throttle.soon(100);
  throttle.soon(100);
  vi.advanceTimersByTime(59);
  expect(runs).toEqual([0]);
  vi.advanceTimersByTime(1);
  expect(runs).toEqual([0, 100]);
  vi.advanceTimersByTime(1000);
  expect(runs).toEqual([0, 100]);
});

test("a request runs at once again when the last run is exactly as long ago as it must be", () => {
  throttle.soon(100);
  vi.advanceTimersByTime(100);
  throttle.soon(100);
  expect(runs).toEqual([0, 100]);
  vi.advanceTimersByTime(200);
  expect(runs).toEqual([0, 100]);
});

test("running now takes the place of the run that was to come, and begins the time anew", () => {
  throttle.soon(100);
  throttle.soon(100);
  vi.advanceTimersByTime(50);
  throttle.now();
  expect(runs).toEqual([0, 50]);
  vi.advanceTimersByTime(60);
  expect(runs).toEqual([0, 50]);
  throttle.soon(100);
  vi.advanceTimersByTime(40);
  expect(runs).toEqual([0, 50, 150]);
});

test("what is cancelled does not run, and the next request does", () => {
  throttle.soon(100);
  throttle.soon(100);
  throttle.cancel();
  vi.advanceTimersByTime(500);
  expect(runs).toEqual([0]);
  throttle.soon(100);
  expect(runs).toEqual([0, 500]);
});

test("a request after the run that it waited for waits anew", () => {
  throttle.soon(100);
  throttle.soon(100);
  vi.advanceTimersByTime(100);
  throttle.soon(100);
  expect(runs).toEqual([0, 100]);
  vi.advanceTimersByTime(100);
  expect(runs).toEqual([0, 100, 200]);
});
