// @vitest-environment happy-dom
/** Tooltips stand above their button, and never over the words that are being written. */

import { act, fireEvent, render } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { Tooltips } from "../../../web/app/ui/index.ts";
import { completeDom } from "./helpers.tsx";

beforeEach(completeDom);

/** happy-dom lays nothing out: each element says where it is. */
const at = (top: number, height: number) => (element: HTMLElement | null) => {
  if (element) element.getBoundingClientRect = () => new DOMRect(100, top, 40, height);
};

test.each([[true, 400 - 6 - 30], [false, 460 - 6 - 30]])("beside a text box that must be seen: %s", (outside, top) => {
  vi.useFakeTimers();
  const { container } = render(
    <>
      <div ref={at(400, 100)} {...(outside ? { "data-tooltips-outside": "" } : {})}>
        <button ref={at(460, 40)} data-tooltip="Attach">+</button>
      </div>
      <Tooltips />
    </>,
  );
  const tip = container.querySelector<HTMLElement>(".tooltip");
  at(0, 30)(tip);
  const button = container.querySelector("button");
  if (!button || !tip) throw new Error("nothing is drawn");
  act(() => {
    fireEvent.pointerOver(button, { pointerType: "mouse" });
    vi.advanceTimersByTime(500);
  });
  expect(tip.textContent).toBe("Attach");
  expect(tip.style.top).toBe(`${top}px`);
  vi.useRealTimers();
});
