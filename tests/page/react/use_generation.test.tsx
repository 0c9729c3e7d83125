// @vitest-environment happy-dom
/** useCompletion and useObject, over a scripted app. */

import { act } from "@testing-library/react";
import type { ChangeEvent } from "react";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { useCompletion, useObject, type UseCompletionOptions, type UseObjectOptions } from "@browserllm/react";
import { make } from "@browserllm/react/testing";
import { failOnComplaints, renderOver } from "./helpers.tsx";

failOnComplaints();

const completionOf = (props: UseCompletionOptions | undefined) => useCompletion(props);

describe("useCompletion", () => {
  test("the completion grows, and comes with who gave it", async () => {
    const onFinish = vi.fn();
    const props = { onFinish, settings: { temperature: 0 } };
    const { result, run, advance, client } = await renderOver(completionOf, { answers: [{ reasoning: "Hm.", text: "One two." }], props });
    let done: Promise<string | null> = Promise.resolve(null);
    await run(() => { done = result.current.complete("Count", { settings: { maxTokens: 5 } }); });
    expect(result.current).toMatchObject({ isLoading: true, completion: "" });
    await advance(120);
    expect(result.current).toMatchObject({ isLoading: true, completion: "One", reasoning: "Hm." });
    await advance(100);
    expect(await done).toBe("One two.");
    expect(result.current).toMatchObject({ isLoading: false, completion: "One two.", answer: { model: "pocket" }, error: undefined });
    expect(onFinish.mock.calls).toMatchObject([["Count", "One two.", { reasoning: "Hm." }]]);
    expect(client.app.calls).toEqual([
      { action: "generate", args: { messages: [{ role: "user", parts: [{ type: "text", text: "Count" }] }], settings: { temperature: 0, maxTokens: 5 } } },
    ]);
  });

  test("stop keeps what has arrived, and a new prompt stops the one before", async () => {
    const { result, run, advance, client } = await renderOver(completionOf, { answers: ["One two three.", "Four five six.", "Seven."] });
    const done: Promise<string | null>[] = [];
    await run(() => { done.push(result.current.complete("1")); });
    await advance(120);
    await run(() => { done.push(result.current.complete("2")); });
    expect(await done[0]).toBeNull();
    expect(result.current).toMatchObject({ completion: "", isLoading: true });
    await advance(100);
    await run(() => { result.current.stop(); });
    expect(await done[1]).toBeNull();
    expect(result.current).toMatchObject({ completion: "Four", isLoading: false, error: undefined });
    await advance(1000);
    expect(result.current.completion).toBe("Four");
    expect(client.app.clock.busy).toBe(false);
  });

  test("an error is shown and told, and the next prompt takes it away", async () => {
    const onError = vi.fn();
    const { result, run, advance } = await renderOver(completionOf, { answers: [{ text: "Half", error: { code: "device_lost" } }], props: { onError } });
    await run(() => { void result.current.complete("Tell"); });
    await advance(1000);
    expect(result.current).toMatchObject({ completion: "Half", isLoading: false, error: { code: "device_lost" } });
    expect(onError).toHaveBeenCalledExactlyOnceWith(result.current.error);
    await run(() => { void result.current.complete("Again"); });
    expect(result.current.error).toBeUndefined();
    await advance(1000);
  });

  test("it has what a form needs", async () => {
    const { result, run, advance } = await renderOver(completionOf, { props: { initialInput: "Hi", initialCompletion: "Before." } });
    expect(result.current).toMatchObject({ input: "Hi", completion: "Before." });
    act(() => { result.current.handleInputChange({ target: { value: "Hello" } } as ChangeEvent<HTMLInputElement>); });
    const preventDefault = vi.fn();
    await run(() => { result.current.handleSubmit({ preventDefault }); });
    await advance(1000);
    expect(preventDefault).toHaveBeenCalledTimes(1);
    expect(result.current).toMatchObject({ input: "Hello", completion: "Answer 1." });
    act(() => { result.current.setInput(""); });
    await run(() => { result.current.handleSubmit(); });
    expect(result.current.isLoading).toBe(false);
    act(() => { result.current.setCompletion("Mine."); });
    expect(result.current.completion).toBe("Mine.");
  });

  test("when another backend begins anew, so does the text", async () => {
    const { result, run } = await renderOver(completionOf, {
      on: {
        generate: (_, { emit }) => {
          for (const [type, text] of [["start", ""], ["text", "Half"], ["restart", ""], ["text", "Whole"]] as const) emit({ type, text, value: null });
          return new Promise(() => undefined);
        },
      },
    });
    await run(() => { void result.current.complete("Tell"); });
    expect(result.current.completion).toBe("Whole");
  });

  test.each([
    [true, 1],
    [false, 0],
  ])("unmounting with cancelOnUnmount %s cancels %i calls, and renders nothing", async (cancelOnUnmount, cancelled) => {
    const { result, run, advance, unmount, renders, client } = await renderOver(completionOf, { props: { cancelOnUnmount } });
    await run(() => { void result.current.complete("Count"); });
    const sent = vi.spyOn(client.app.pipe, "send");
    unmount();
    renders();
    await advance(1000);
    expect(renders()).toBe(0);
    expect(sent.mock.calls.filter(([text]) => text.includes("cancel"))).toHaveLength(cancelled);
  });

  test("with throttle it renders less often, and the end at once", async () => {
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"], now: 0 });
    try {
      const answers = [{ chunks: Array.from({ length: 40 }, () => "x") }];
      const { result, run, advance, renders } = await renderOver(completionOf, { answers, pace: { chunkMs: 10 }, props: { throttle: 100 } });
      await run(() => { void result.current.complete("Count"); });
      renders();
      for (let step = 0; step < 60; step += 1) {
        await act(() => vi.advanceTimersByTime(10));
        await advance(10);
      }
      expect(result.current).toMatchObject({ completion: "x".repeat(40), isLoading: false });
      expect(renders()).toBeLessThanOrEqual(6);
    } finally {
      vi.useRealTimers();
    }
  });
});

interface City {
  readonly name: string;
  readonly people: number;
}

const schema = { type: "object", properties: { name: { type: "string" }, people: { type: "number" } } };

describe("useObject", () => {
  const objectOf = (props: UseObjectOptions<City>) => useObject<City>(props);

  test("the object grows key by key", async () => {
    const onFinish = vi.fn();
    const { result, run, advance, client } = await renderOver(objectOf, { answers: [{ object: { name: "Rome", people: 3 } }], props: { schema, onFinish, initialValue: { name: "?" } } });
    expect(result.current.object).toEqual({ name: "?" });
    let done: Promise<City | undefined> = Promise.resolve(undefined);
    await run(() => { done = result.current.submit("A city"); });
    expect(result.current).toMatchObject({ object: undefined, isLoading: true });
    await advance(100);
    expect(result.current.object).toEqual({ name: "Rome" });
    await advance(100);
    expect(await done).toEqual({ name: "Rome", people: 3 });
    expect(result.current).toMatchObject({ object: { name: "Rome", people: 3 }, isLoading: false, answer: { where: "local" } });
    expect(onFinish).toHaveBeenCalledExactlyOnceWith({ object: { name: "Rome", people: 3 }, error: undefined });
    expect(client.app.calls).toMatchObject([{ args: { settings: { schema } } }]);
    act(() => { result.current.clear(); });
    expect(result.current).toMatchObject({ object: undefined, answer: null });
  });

  test("messages and values can be submitted, and a schema of Zod is sent as JSON Schema", async () => {
    const zod = z.object({ name: z.string(), people: z.number() });
    const { result, run, advance, client } = await renderOver(objectOf, { answers: [{ object: {} }, { object: {} }], props: { schema: zod, settings: { temperature: 0 } } });
    await run(() => { void result.current.submit({ country: "Italy" }); });
    await advance(1000);
    const messages = [{ role: "user", parts: [{ type: "text", text: "A city" }] }];
    await run(() => { void result.current.submit(messages); });
    await advance(1000);
    expect(client.app.calls).toMatchObject([
      { args: { messages: [{ role: "user", parts: [{ type: "text", text: '{"country":"Italy"}' }] }], settings: { temperature: 0, schema: { type: "object", required: ["name", "people"] } } } },
      { args: { messages } },
    ]);
  });

  test("an error ends it, is told to both callbacks, and stop is none", async () => {
    const [onError, onFinish] = [vi.fn(), vi.fn()];
    const answers = [{ error: { code: "invalid_output" } }, { object: { name: "Rome", people: 3 } }];
    const { result, run, advance } = await renderOver(objectOf, { answers, props: { schema, onError, onFinish } });
    await run(() => { void result.current.submit("A city"); });
    await advance(1000);
    const { error } = result.current;
    expect(error?.code).toBe("invalid_output");
    expect(onError).toHaveBeenCalledExactlyOnceWith(error);
    expect(onFinish).toHaveBeenCalledExactlyOnceWith({ object: undefined, error });
    await run(() => { void result.current.submit("A city"); });
    await advance(100);
    await run(() => { result.current.stop(); });
    expect(result.current).toMatchObject({ object: { name: "Rome" }, isLoading: false, error: undefined });
    expect(onFinish).toHaveBeenCalledTimes(1);
  });

  test("a schema that cannot be said as JSON Schema is an error that names the way out", async () => {
    const { result, run } = await renderOver(objectOf, { props: { schema: { "~standard": {} } } });
    await run(() => result.current.submit("A city"));
    expect(result.current.error).toMatchObject({ code: "invalid_request", remedy: expect.stringContaining("JSON Schema") as string });
  });
});

test("make fills in what is left out", () => {
  expect(make("Download", { model: "a", state: "running" })).toEqual({ model: "a", state: "running", receivedBytes: 0, totalBytes: null, bytesPerS: null, leftS: null, error: null });
});
