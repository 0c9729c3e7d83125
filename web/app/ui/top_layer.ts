/** Puts an element with a `popover` attribute above everything else, open dialogs included. */
export function showOnTop(element: HTMLElement): void {
  if (element.isConnected && typeof element.showPopover === "function" && !element.matches(":popover-open")) element.showPopover();
}

/** Takes it away again. */
export function hideFromTop(element: HTMLElement): void {
  if (element.isConnected && typeof element.hidePopover === "function" && element.matches(":popover-open")) element.hidePopover();
}

const GAP = 6;
const MARGIN = 8;

/** Places a shown element beside an anchor, inside the window: below it where there is room, else above. */
export function placeBeside(element: HTMLElement, anchor: DOMRect, align: "start" | "center" | "end", above = false): void {
  const box = element.getBoundingClientRect();
  const rightToLeft = getComputedStyle(element).direction === "rtl";
  const atLeft = align === "center" ? null : (align === "start") !== rightToLeft;
  const left = atLeft === null ? anchor.left + (anchor.width - box.width) / 2 : atLeft ? anchor.left : anchor.right - box.width;
  const under = anchor.bottom + GAP;
  const over = anchor.top - GAP - box.height;
  const fitsUnder = under + box.height <= innerHeight - MARGIN;
  const top = above ? (over >= MARGIN ? over : under) : fitsUnder || over < MARGIN ? under : over;
  element.style.left = `${Math.max(MARGIN, Math.min(left, innerWidth - box.width - MARGIN))}px`;
  element.style.top = `${Math.max(MARGIN, Math.min(top, innerHeight - box.height - MARGIN))}px`;
}
