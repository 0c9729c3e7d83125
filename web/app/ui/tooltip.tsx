import { type JSX, useEffect, useRef } from "react";
import { hideFromTop, placeBeside, showOnTop } from "./top_layer.ts";

const DELAY_MS = 500;

/**
 * Shows the `data-tooltip` of whatever the pointer or the keyboard is on. The app has one of these.
 *
 * A tooltip repeats the label of its button, so screen readers do not hear it twice.
 */
export function Tooltips(): JSX.Element {
  const tip = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let timer = 0;
    const hide = (): void => {
      clearTimeout(timer);
      if (tip.current) hideFromTop(tip.current);
    };
    const show = (target: EventTarget | null, delay: number): void => {
      hide();
      const owner = target instanceof Element ? target.closest<HTMLElement>("[data-tooltip]") : null;
      if (!owner) return;
      timer = window.setTimeout(() => {
        if (!tip.current || !owner.isConnected) return;
        tip.current.textContent = owner.dataset["tooltip"] ?? "";
        showOnTop(tip.current);
        placeBeside(tip.current, clearOf(owner), "center", true);
      }, delay);
    };
    const onPointer = (event: PointerEvent): void => {
      if (event.pointerType === "mouse") show(event.target, DELAY_MS);
    };
    const onFocus = (event: FocusEvent): void => {
      if (event.target instanceof Element && event.target.matches(":focus-visible")) show(event.target, 0);
    };
    document.addEventListener("pointerover", onPointer);
    document.addEventListener("pointerdown", hide);
    document.addEventListener("focusin", onFocus);
    document.addEventListener("focusout", hide);
    document.addEventListener("scroll", hide, { capture: true, passive: true });
    // Who types does not want to read it; a tooltip over the words would hide them.
    document.addEventListener("keydown", hide);
    return () => {
      hide();
      document.removeEventListener("pointerover", onPointer);
      document.removeEventListener("pointerdown", hide);
      document.removeEventListener("focusin", onFocus);
      document.removeEventListener("focusout", hide);
      document.removeEventListener("scroll", hide, { capture: true });
      document.removeEventListener("keydown", hide);
    };
  }, []);
  return <div ref={tip} className="tooltip" popover="manual" aria-hidden="true" />;
}

/** Where an element is, with the height of what a tooltip must not cover: words that are being written are more than the name of a button beside them. */
function clearOf(owner: HTMLElement): DOMRect {
  const own = owner.getBoundingClientRect();
  const kept = owner.closest("[data-tooltips-outside]")?.getBoundingClientRect();
  return kept ? new DOMRect(own.left, kept.top, own.width, kept.height) : own;
}
