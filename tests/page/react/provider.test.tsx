// @vitest-environment happy-dom
/** The provider: it connects once, shows how that goes, and its client is there from the beginning. */

import { act, render, renderHook, screen } from "@testing-library/react";
import { Component, StrictMode, useEffect, type ReactNode } from "react";
import { renderToString } from "react-dom/server";
import { describe, expect, test, vi } from "vitest";
import { BrowserLLMError, BrowserLLMProvider, createClient, EMPTY_STATE, shallowEqual, useCall, useClient, useConnection, useSelector, type AppClient, type Boot, type UseConnection } from "@browserllm/react";
import { scriptedClient, ScriptedApp, type ScriptedClient } from "@browserllm/react/testing";
import { failOnComplaints, renderOver } from "./helpers.tsx";

failOnComplaints();

interface Attempt {
  readonly boot: (boot: Boot) => void;
  readonly succeed: (client: AppClient) => void;
  readonly fail: (error: unknown) => void;
}

/** A way to connect that the test carries out. */
function byHand(): { readonly connect: (onBoot: (boot: Boot) => void) => Promise<AppClient>; readonly attempts: Attempt[] } {
  const attempts: Attempt[] = [];
  const connect = (boot: (boot: Boot) => void): Promise<AppClient> =>
    new Promise((succeed, fail) => { attempts.push({ boot, succeed, fail }); });
  return { connect, attempts };
}

function over(connect: (onBoot: (boot: Boot) => void) => Promise<AppClient>) {
  // An inline function, as people write it: a new one for each render.
  return ({ children }: { children: ReactNode }): ReactNode => (
    <StrictMode><BrowserLLMProvider connect={(onBoot) => connect(onBoot)}>{children}</BrowserLLMProvider></StrictMode>
  );
}

async function settle(client?: ScriptedClient): Promise<void> {
  await act(async () => {
    await client?.app.advance(0);
    await new Promise((resolve) => { setTimeout(resolve, 0); });
  });
}

describe("connecting", () => {
  test("it connects once in StrictMode, shows the boot, and is ready", async () => {
    const { connect, attempts } = byHand();
    const seen: UseConnection["status"][] = [];
    const { result, rerender } = renderHook(
      () => {
        const connection = useConnection();
        seen.push(connection.status);
        return connection;
      },
      { wrapper: over(connect) },
    );
    await settle();
    rerender();
    expect(attempts).toHaveLength(1);
    expect(result.current).toMatchObject({ status: "connecting", boot: null, error: null });
    act(() => { attempts[0]?.boot({ text: "Starting Python", fraction: 0.5 }); });
    expect(result.current.boot).toEqual({ text: "Starting Python", fraction: 0.5 });
    const client = scriptedClient();
    attempts[0]?.succeed(client);
    await settle(client);
    expect(result.current).toMatchObject({ status: "ready", boot: null });
    act(() => { attempts[0]?.boot({ text: "late", fraction: 1 }); });
    expect(result.current).toMatchObject({ status: "ready", boot: null });
    expect([...new Set(seen)]).toEqual(["connecting", "ready"]);
  });

  test("calls that are made while it connects are carried out when it is connected", async () => {
    const { connect, attempts } = byHand();
    const { result } = renderHook(() => useCall(), { wrapper: over(connect) });
    const early = result.current("models.estimate", { model: "small" });
    const abort = new AbortController();
    const given = result.current("models.refresh", {}, { signal: abort.signal });
    abort.abort();
    await expect(given).rejects.toMatchObject({ code: "cancelled" });
    await expect(result.current("models.refresh", {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "cancelled" });
    const client = scriptedClient();
    attempts[0]?.succeed(client);
    await settle(client);
    await settle(client);
    expect(await early).toBe(40);
    expect(client.app.calls).toEqual([{ action: "models.estimate", args: { model: "small" } }]);
  });

  test("a failure says what to do, waiting calls reject, and retry begins anew", async () => {
    const { connect, attempts } = byHand();
    const { result } = renderHook(() => ({ ...useConnection(), call: useCall(), version: useSelector((state) => state.version) }), { wrapper: over(connect) });
    const waiting = expect(result.current.call("models.refresh")).rejects.toMatchObject({ code: "connect_failed" });
    attempts[0]?.fail(new Error("the worker did not start"));
    await settle();
    await waiting;
    expect(result.current).toMatchObject({ status: "failed", error: { code: "connect_failed", message: "the worker did not start", actions: ["retry", "reload"] } });
    await expect(result.current.call("models.refresh")).rejects.toBe(result.current.error);
    act(() => { result.current.retry(); });
    expect(result.current).toMatchObject({ status: "connecting", error: null });
    act(() => { result.current.retry(); });
    expect(attempts).toHaveLength(2);
    const client = scriptedClient();
    attempts[1]?.succeed(client);
    await settle(client);
    expect(result.current).toMatchObject({ status: "ready", version: "0.1.0" });
  });

  test("an error with a way out of its own is shown as it is", async () => {
    const { connect, attempts } = byHand();
    const { result } = renderHook(() => useConnection(), { wrapper: over(connect) });
    const error = new BrowserLLMError({ code: "unavailable", title: "No WebGPU", message: "no WebGPU", remedy: "Update.", actions: ["reload"], data: {} });
    attempts[0]?.fail(error);
    await settle();
    expect(result.current.error).toBe(error);
  });

  test("when Python is gone the last state stays, calls reject, and retry brings a new one", async () => {
    const { connect, attempts } = byHand();
    const { result } = renderHook(() => ({ ...useConnection(), call: useCall(), version: useSelector((state) => state.version) }), { wrapper: over(connect) });
    const first = scriptedClient({ state: { version: "1" } });
    attempts[0]?.succeed(first);
    await settle(first);
    act(() => { first.app.crash(); });
    expect(result.current).toMatchObject({ status: "failed", error: { code: "disconnected" }, version: "1" });
    await expect(result.current.call("models.refresh")).rejects.toMatchObject({ code: "disconnected" });
    act(() => { result.current.retry(); });
    const second = scriptedClient({ state: { version: "2" } });
    attempts[1]?.succeed(second);
    await settle(second);
    expect(result.current).toMatchObject({ status: "ready", version: "2" });
  });

  test("unmounting closes what it connected, also if that comes later", async () => {
    const { connect, attempts } = byHand();
    const first = renderHook(() => useCall(), { wrapper: over(connect) });
    const early = scriptedClient();
    const closed = vi.spyOn(early.app.pipe, "close");
    attempts[0]?.succeed(early);
    await settle(early);
    first.unmount();
    expect(closed).not.toHaveBeenCalled();
    await settle();
    expect(closed).toHaveBeenCalledTimes(1);
    await expect(first.result.current("models.refresh")).rejects.toMatchObject({ code: "disconnected" });

    const second = renderHook(() => useCall(), { wrapper: over(connect) });
    second.unmount();
    await settle();
    const late = scriptedClient();
    const lateClosed = vi.spyOn(late.app.pipe, "close");
    attempts[1]?.succeed(late);
    await settle(late);
    expect(lateClosed).toHaveBeenCalledTimes(1);
  });

  test("a given client is used from the first render, and stays open", async () => {
    const client = scriptedClient({ state: { version: "7" } });
    await client.app.advance(0);
    const closed = vi.spyOn(client.app.pipe, "close");
    const versions: string[] = [];
    const wrapper = ({ children }: { children: ReactNode }): ReactNode => <BrowserLLMProvider client={client}>{children}</BrowserLLMProvider>;
    const { unmount } = renderHook(() => versions.push(useSelector((state) => state.version)), { wrapper });
    unmount();
    await settle(client);
    expect(versions).toEqual(["7"]);
    expect(closed).not.toHaveBeenCalled();
    await settle();
    const again = renderHook(() => useSelector((state) => state.version), { wrapper });
    await act(async () => {
      client.app.change((state) => ({ ...state, version: "8" }));
      await client.app.advance(0);
    });
    expect(again.result.current).toBe("8");
  });

  test("another client is another app", async () => {
    const [one, two] = [scriptedClient({ state: { version: "1" } }), scriptedClient({ state: { version: "2" } })];
    await Promise.all([one.app.advance(0), two.app.advance(0)]);
    const Version = (): ReactNode => useSelector((state) => state.version);
    const page = (client: AppClient): ReactNode => <StrictMode><BrowserLLMProvider client={client}><Version /></BrowserLLMProvider></StrictMode>;
    const { container, rerender } = render(page(one));
    expect(container.textContent).toBe("1");
    rerender(page(two));
    expect(container.textContent).toBe("2");
    await act(async () => {
      one.app.change((state) => ({ ...state, version: "1.1" }));
      two.app.change((state) => ({ ...state, version: "2.1" }));
      await Promise.all([one.app.advance(0), two.app.advance(0)]);
    });
    expect(container.textContent).toBe("2.1");
  });

  test("a call in a child's first effect is carried out", async () => {
    const { connect, attempts } = byHand();
    let effects = 0;
    const Child = (): ReactNode => {
      const call = useCall();
      useEffect(() => {
        effects += 1;
        void call("device.refresh");
      }, [call]);
      return null;
    };
    render(<Child />, { wrapper: over(connect) });
    const client = scriptedClient();
    attempts[0]?.succeed(client);
    await settle(client);
    await settle(client);
    expect(effects).toBeGreaterThan(0);
    expect(client.app.calls).toHaveLength(effects);
  });

  test("without a provider, a hook says what is missing", () => {
    const complaint = vi.spyOn(console, "error").mockImplementation(() => undefined);
    class Boundary extends Component<{ readonly children: ReactNode }> {
      override state = { message: "" };
      static getDerivedStateFromError(error: Error): { message: string } { return { message: error.message }; }
      override render(): ReactNode { return this.state.message || this.props.children; }
    }
    const Lost = (): ReactNode => useClient().getState().version;
    render(<Boundary><Lost /></Boundary>);
    expect(screen.getByText(/need a <BrowserLLMProvider> above them/)).toBeDefined();
    complaint.mockReset();
  });

  test("it renders on a server, with the empty state", () => {
    const Status = (): ReactNode => `${useConnection().status} ${useSelector((state) => state.status)}`;
    expect(renderToString(<BrowserLLMProvider base="/llm/"><Status /></BrowserLLMProvider>)).toBe("connecting starting");
  });
});

describe("useSelector", () => {
  test("it renders when what it selects changes, and only then", async () => {
    const { result, run, renders, client } = await renderOver(() => useSelector((state) => state.totals.answers));
    renders();
    await run(() => { client.app.change((state) => ({ ...state, totals: { ...state.totals, tokens: 5 } })); });
    expect(renders()).toBe(0);
    await run(() => { client.app.change((state) => ({ ...state, totals: { ...state.totals, answers: 1 } })); });
    expect(renders()).toBe(1);
    expect(result.current).toBe(1);
  });

  test("with an equality, an equal selection keeps its identity and renders nothing", async () => {
    const { result, run, rerender, renders, client } = await renderOver(() => useSelector((state) => Object.keys(state.models), shallowEqual));
    const before = result.current;
    renders();
    await run(() => { client.app.change((state) => ({ ...state, models: { ...state.models } , version: "2" })); });
    expect(renders()).toBe(0);
    rerender();
    expect(result.current).toBe(before);
  });

  test("a selection may depend on props", async () => {
    const { result, rerender } = await renderOver(({ id }: { id: string }) => useSelector((state) => state.models[id]?.name), { props: { id: "small" } });
    expect(result.current).toBe("Small 0.6B");
    rerender({ id: "large" });
    expect(result.current).toBe("Large 4B");
  });

  test.each<[unknown, unknown, boolean]>([
    [[1, 2], [1, 2], true],
    [{ a: 1 }, { a: 1 }, true],
    [{ a: 1 }, { b: 1 }, false],
    [{ a: 1 }, { a: 1, b: 2 }, false],
    [[{}], [{}], false],
    [NaN, NaN, true],
    [null, {}, false],
    [{}, null, false],
    ["a", "a", true],
  ])("shallowEqual of %o and %o is %s", (a, b, expected) => {
    expect(shallowEqual(a, b)).toBe(expected);
  });
});

test("a client's state is the empty one until the app has sent its own", async () => {
  const app = new ScriptedApp();
  const client = createClient(app.pipe);
  expect(client.getState()).toBe(EMPTY_STATE);
  await app.advance(0);
  expect(client.getState()).toEqual(app.state);
});
