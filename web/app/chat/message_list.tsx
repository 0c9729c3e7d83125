import { useVirtualizer } from "@tanstack/react-virtual";
import { type JSX, type ReactNode, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { useStrings } from "../strings/index.ts";
import { IconButton } from "../ui/index.ts";
import { DownIcon } from "../ui/icons.tsx";
import { BottomFollower } from "./bottom_follower.ts";

/** Conversations with more messages than this draw only those that can be seen. */
export const VIRTUAL_FROM = 60;
const USUAL_HEIGHT = 160;
const KEPT_AROUND = 2;

interface MessageListProps {
  readonly ids: readonly string[];
  readonly children: (id: string, index: number) => ReactNode;
  /** A message that stays drawn when it is scrolled away, since it is being edited. */
  readonly kept: string | null;
  /** Changes when the person sent a message: the list then goes to its end. */
  readonly sent: number;
  /** A message to show instead of the end: where a search found something. */
  readonly target: string | null;
  /** Guesses how high a message is, in pixels. If it guesses too low, messages are drawn that are out of sight. */
  readonly heightOf?: (id: string) => number;
}

/** The messages of a conversation, scrolled to the end and kept there unless the person scrolls up. */
export function MessageList({ ids, children, kept, sent, target, heightOf = usualHeight }: MessageListProps): JSX.Element {
  const strings = useStrings().chat;
  // As a state, since the rows inside need it as soon as it is there.
  const [scroller, setScroller] = useState<HTMLDivElement | null>(null);
  const content = useRef<HTMLDivElement>(null);
  const [follower] = useState(() => new BottomFollower());
  const [away, setAway] = useState(false);
  const toEnd = useCallback((): void => {
    if (scroller) scroller.scrollTop = scroller.scrollHeight;
  }, [scroller]);
  useLayoutEffect(() => {
    follower.following = target === null;
    if (follower.following) toEnd();
  }, [follower, toEnd, sent, target]);
  const look = useCallback(
    ({ scrollTop, scrollHeight, clientHeight }: Element): void => {
      setAway(!follower.scrolled({ top: scrollTop, height: scrollHeight, seen: clientHeight }));
    },
    [follower],
  );
  useEffect(() => {
    if (!content.current || !scroller) return;
    const observer = new ResizeObserver(() => {
      if (follower.following) toEnd();
      // A list that became shorter, as after an edit, may be at its end without a scroll.
      look(scroller);
    });
    observer.observe(content.current);
    observer.observe(scroller);
    return () => {
      observer.disconnect();
    };
  }, [follower, look, scroller, toEnd]);
  const printing = usePrinting();
  const many = ids.length > VIRTUAL_FROM && !printing;
  return (
    <div className="list-frame">
      <div
        ref={setScroller}
        className="list"
        role="region"
        aria-label={strings.conversation}
        tabIndex={0}
        onScroll={(event) => { look(event.currentTarget); }}
      >
        <div ref={content} className="list-column">
          {many && scroller ? (
            <VirtualRows ids={ids} scroller={scroller} kept={kept} target={target} heightOf={heightOf}>
              {children}
            </VirtualRows>
          ) : many ? null : (
            <PlainRows ids={ids} target={target}>
              {children}
            </PlainRows>
          )}
        </div>
      </div>
      {away && (
        <div className="to-bottom">
          <IconButton
            icon={DownIcon}
            label={strings.toBottom}
            onClick={() => {
              follower.follow();
              toEnd();
              setAway(false);
            }}
          />
        </div>
      )}
    </div>
  );
}

/** Says whether the page is being printed: then all messages are drawn. */
function usePrinting(): boolean {
  const [printing, setPrinting] = useState(false);
  useEffect(() => {
    const onPrint = (event: Event): void => {
      // The browser prints what is there when this returns.
      flushSync(() => { setPrinting(event.type === "beforeprint"); });
    };
    addEventListener("beforeprint", onPrint);
    addEventListener("afterprint", onPrint);
    return () => {
      removeEventListener("beforeprint", onPrint);
      removeEventListener("afterprint", onPrint);
    };
  }, []);
  return printing;
}

interface RowsProps {
  readonly ids: readonly string[];
  readonly children: (id: string, index: number) => ReactNode;
  readonly target: string | null;
}

function PlainRows({ ids, children, target }: RowsProps): JSX.Element {
  const wanted = useRef<HTMLDivElement>(null);
  useEffect(() => {
    wanted.current?.scrollIntoView({ block: "center" });
  }, [target]);
  return (
    <>
      {ids.map((id, index) => (
        <div key={id} ref={id === target ? wanted : null} className={id === target ? "row row-target" : "row"}>
          {children(id, index)}
        </div>
      ))}
    </>
  );
}

interface VirtualRowsProps extends RowsProps {
  readonly scroller: HTMLElement;
  readonly kept: string | null;
  readonly heightOf: (id: string) => number;
}

const usualHeight = (): number => USUAL_HEIGHT;

function VirtualRows({ ids, children, scroller, kept, target, heightOf }: VirtualRowsProps): JSX.Element {
  const keptIndex = kept === null ? -1 : ids.indexOf(kept);
  const virtualizer = useVirtualizer({
    count: ids.length,
    getScrollElement: () => scroller,
    estimateSize: (index) => heightOf(ids[index] ?? ""),
    getItemKey: (index) => ids[index] ?? index,
    overscan: KEPT_AROUND,
    initialOffset: () => ids.reduce((sum, id) => sum + heightOf(id), 0),
    rangeExtractor: ({ startIndex, endIndex, overscan, count }) => {
      const first = Math.max(0, startIndex - overscan);
      const last = Math.min(count - 1, endIndex + overscan);
      const shown = Array.from({ length: last - first + 1 }, (_, at) => first + at);
      return keptIndex === -1 || (keptIndex >= first && keptIndex <= last) ? shown : [...shown, keptIndex].sort((a, b) => a - b);
    },
  });
  useEffect(() => {
    const index = target === null ? -1 : ids.indexOf(target);
    if (index !== -1) virtualizer.scrollToIndex(index, { align: "center" });
  }, [target]);
  return (
    <div className="rows" style={{ height: virtualizer.getTotalSize() }}>
      {virtualizer.getVirtualItems().map(({ key, index, start }) => {
        const id = ids[index] ?? "";
        return (
          <div
            key={key}
            ref={virtualizer.measureElement}
            data-index={index}
            className={id === target ? "row row-placed row-target" : "row row-placed"}
            style={{ transform: `translateY(${start}px)` }}
          >
            {children(id, index)}
          </div>
        );
      })}
    </div>
  );
}
