/** Decides whether a growing list stays at its end. It follows until the person scrolls up, and again once they are back. */

interface Scrolled {
  readonly top: number;
  /** The height of everything. */
  readonly height: number;
  /** The height of what can be seen. */
  readonly seen: number;
}

/** So close to the end counts as at the end: a line of text, and what zooming rounds away. */
const NEAR_PX = 40;

export class BottomFollower {
  following = true;
  #last: Scrolled = { top: 0, height: 0, seen: 0 };

  /** Takes where the list is after it scrolled, for whatever reason; returns whether it follows. */
  scrolled(now: Scrolled): boolean {
    const before = this.#last;
    this.#last = now;
    const left = now.height - now.seen - now.top;
    if (left <= NEAR_PX) this.following = true;
    // A list that became shorter, or a window that became higher, moves up by itself.
    else if (now.top < before.top && now.height >= before.height && now.seen <= before.seen) this.following = false;
    return this.following;
  }

  /** Follows again, whatever the person did: they sent a message, or pressed the button. */
  follow(): void {
    this.following = true;
  }
}
