// @vitest-environment happy-dom
import { act, fireEvent, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { BottomFollower } from "../../../web/app/chat/bottom_follower.ts";
import { MessageList, VIRTUAL_FROM } from "../../../web/app/chat/message_list.tsx";
import { guessHeight } from "../../../web/app/chat/guess_height.ts";
import { completeDom, message, text } from "./helpers.tsx";

describe("following the end of a list", () => {
  const at = (top: number, height = 1000, seen = 400): { top: number; height: number; seen: number } => ({ top, height, seen });

  it("follows at the end, and close to it", () => {
    const follower = new BottomFollower();
    expect(follower.scrolled(at(600))).toBe(true);
    expect(follower.scrolled(at(570))).toBe(true);
  });

  it("stops when the person scrolls up, and stays where they are while the list grows", () => {
    const follower = new BottomFollower();
    follower.scrolled(at(600));
    expect(follower.scrolled(at(500))).toBe(false);
    expect(follower.scrolled(at(500, 1400))).toBe(false);
    expect(follower.scrolled(at(700, 1400))).toBe(false);
  });

  it("follows again once they are back at the end, or when they ask for it", () => {
    const follower = new BottomFollower();
    follower.scrolled(at(600));
    follower.scrolled(at(100));
    expect(follower.scrolled(at(600))).toBe(true);
    follower.scrolled(at(100));
    follower.follow();
    expect(follower.following).toBe(true);
  });

  it("goes on when the list grows under a reader who is at the end", () => {
    const follower = new BottomFollower();
    follower.scrolled(at(600));
    expect(follower.scrolled(at(600, 1300))).toBe(true);
  });

  it("does not take a list that became shorter, or a window that became higher, for a reader who scrolls up", () => {
    const follower = new BottomFollower();
    follower.scrolled(at(600));
    expect(follower.scrolled(at(300, 800, 400))).toBe(true);
    follower.scrolled(at(400, 800, 400));
    expect(follower.scrolled(at(200, 800, 500))).toBe(true);
  });
});

const HEIGHT = 500;
const ROW = 100;
let observed: { readonly callback: () => void; readonly targets: Set<Element> }[];

/** Sizes as a browser would have them: the list is 500 pixels high, each row 100. */
function withSizes(): void {
  observed = [];
  class Observer {
    readonly #own = { callback: (): void => undefined, targets: new Set<Element>() };
    constructor(callback: (entries: unknown[]) => void) {
      this.#own.callback = () => { callback([]); };
      observed.push(this.#own);
    }
    observe(target: Element): void { this.#own.targets.add(target); }
    unobserve(target: Element): void { this.#own.targets.delete(target); }
    disconnect(): void { this.#own.targets.clear(); }
  }
  vi.stubGlobal("ResizeObserver", Observer);
  const isList = (element: unknown): boolean => (element as Element).classList.contains("list");
  vi.spyOn(HTMLElement.prototype, "offsetHeight", "get").mockImplementation(function (this: HTMLElement) { return isList(this) ? HEIGHT : ROW; });
  vi.spyOn(HTMLElement.prototype, "offsetWidth", "get").mockReturnValue(800);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(HEIGHT);
  vi.spyOn(HTMLElement.prototype, "scrollHeight", "get").mockImplementation(function (this: HTMLElement) {
    const rows = this.querySelector<HTMLElement>(".rows");
    return rows ? Number.parseFloat(rows.style.height) : this.querySelectorAll(".row").length * ROW;
  });
}

/** Tells the list that its content has another size. */
function grown(): void {
  act(() => {
    for (const { callback, targets } of observed) if ([...targets].some((target) => target.classList.contains("list-column"))) callback();
  });
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `m${index}`);
const list = (all: readonly string[], more: { kept?: string; sent?: number; target?: string } = {}): React.JSX.Element => (
  <MessageList ids={all} kept={more.kept ?? null} sent={more.sent ?? 0} target={more.target ?? null}>
    {(id) => <p>{id}</p>}
  </MessageList>
);
const scroller = (): HTMLElement => screen.getByRole("region", { name: "Conversation" });
const shown = (): string[] => [...document.querySelectorAll(".row")].map((row) => row.textContent);

describe("the list of messages", () => {
  beforeEach(() => {
    completeDom();
    vi.restoreAllMocks();
    withSizes();
  });

  it("draws every message of a usual conversation", () => {
    render(list(ids(VIRTUAL_FROM)));
    expect(shown()).toEqual(ids(VIRTUAL_FROM));
  });

  it("draws only what can be seen of a long one, and begins at its end", () => {
    render(list(ids(1000)));
    expect(shown().length).toBeLessThan(30);
    expect(shown()).toContain("m999");
    expect(shown()).not.toContain("m0");
  });

  it("draws all of a long one while it is printed", () => {
    render(list(ids(300)));
    act(() => { window.dispatchEvent(new Event("beforeprint")); });
    expect(shown()).toEqual(ids(300));
    act(() => { window.dispatchEvent(new Event("afterprint")); });
    expect(shown().length).toBeLessThan(30);
  });

  it("draws what is scrolled to", () => {
    render(list(ids(1000)));
    scroller().scrollTop = 0;
    fireEvent.scroll(scroller());
    expect(shown()).toContain("m0");
    expect(shown()).not.toContain("m999");
  });

  it("keeps a message that is being edited, wherever the list is scrolled", () => {
    render(list(ids(1000), { kept: "m990" }));
    scroller().scrollTop = 0;
    fireEvent.scroll(scroller());
    expect(shown()).toContain("m990");
  });

  it("stays at the end while an answer grows, unless the person scrolled up; a button leads back", async () => {
    const view = render(list(ids(20)));
    expect(scroller().scrollTop).toBe(2000);
    fireEvent.scroll(scroller());
    view.rerender(list(ids(21)));
    grown();
    expect(scroller().scrollTop).toBe(2100);
    fireEvent.scroll(scroller());
    scroller().scrollTop = 700;
    fireEvent.scroll(scroller());
    view.rerender(list(ids(22)));
    grown();
    expect(scroller().scrollTop).toBe(700);
    await userEvent.click(screen.getByRole("button", { name: "Go to the end of the conversation" }));
    expect(scroller().scrollTop).toBe(2200);
    expect(screen.queryByRole("button", { name: "Go to the end of the conversation" })).toBeNull();
  });

  it("takes the button away when the list became so short that its end can be seen, without a scroll", () => {
    const view = render(list(ids(20)));
    fireEvent.scroll(scroller());
    scroller().scrollTop = 300;
    fireEvent.scroll(scroller());
    expect(screen.getByRole("button", { name: "Go to the end of the conversation" })).toBeTruthy();
    view.rerender(list(ids(8)));
    grown();
    expect(screen.queryByRole("button", { name: "Go to the end of the conversation" })).toBeNull();
    view.rerender(list(ids(9)));
    grown();
    expect(scroller().scrollTop).toBe(900);
  });

  it("goes to the end when the person sends a message, also from far above", () => {
    const view = render(list(ids(20), { sent: 1 }));
    fireEvent.scroll(scroller());
    scroller().scrollTop = 100;
    fireEvent.scroll(scroller());
    view.rerender(list(ids(21), { sent: 2 }));
    expect(scroller().scrollTop).toBe(2100);
  });

  it("shows the message that a search found instead of the end", () => {
    const into = vi.spyOn(Element.prototype, "scrollIntoView").mockImplementation(() => undefined);
    render(list(ids(20), { target: "m3" }));
    expect(into.mock.contexts.map((element) => (element as Element).textContent)).toEqual(["m3"]);
    grown();
    expect(scroller().scrollTop).toBe(0);
  });
});

describe("long messages of a long conversation", () => {
  const drawn = new Set<string>();
  const open = (heightOf?: (id: string) => number): number => {
    drawn.clear();
    withSizes();
    vi.spyOn(HTMLElement.prototype, "offsetHeight", "get").mockImplementation(function (this: HTMLElement) { return this.classList.contains("list") ? HEIGHT : 4 * HEIGHT; });
    const { unmount } = render(
      <MessageList ids={ids(300)} kept={null} sent={0} target={null} {...(heightOf && { heightOf })}>
        {(id) => {
          drawn.add(id);
          return <p>{id}</p>;
        }}
      </MessageList>,
    );
    grown();
    unmount();
    return drawn.size;
  };

  it("are drawn only as far as they can be seen, since their height is guessed from their length", () => {
    const [before, after] = [open(), open(() => 4 * HEIGHT)];
    expect(drawn.has("m299")).toBe(true);
    expect(after).toBeLessThan(before);
    expect(after).toBeLessThanOrEqual(4);
  });

  it("are guessed by their letters and the width of the window", () => {
    const of = (letters: number): ReturnType<typeof message> => message({ id: "a", role: "assistant", parts: [text("x".repeat(letters))] });
    expect(guessHeight(of(10), 1200)).toBe(106);
    expect(guessHeight(of(4000), 1200)).toBeGreaterThan(1200);
    expect(guessHeight(of(4000), 390)).toBeGreaterThan(1.5 * guessHeight(of(4000), 1200));
    expect(guessHeight(undefined, 1200)).toBe(106);
  });
});
