import { type JSX, type MouseEvent, memo, useEffect, useLayoutEffect, useRef, useState } from "react";
import { copyText } from "../copy.ts";
import { useStrings } from "../strings/index.ts";
import { BlockSplitter, definitionsFor } from "./blocks.ts";
import { highlightIn } from "./highlight.ts";
import { drawMath, loadMath, mathIsLoaded } from "./math.ts";
import { mendTail } from "./mend.ts";
import { renderBlock } from "./render.ts";
import "./markdown.css";

interface MarkdownProps {
  readonly text: string;
  /** Whether more text may come. */
  readonly streaming: boolean;
}

/** An answer in Markdown. While it grows, only its unfinished end is drawn again. */
export const Markdown = memo(function Markdown({ text, streaming }: MarkdownProps): JSX.Element {
  const [splitter] = useState(() => new BlockSplitter());
  const { frozen, tail, definitions } = splitter.update(text, !streaming);
  return (
    <div className="md" dir="auto" onClick={onClick}>
      {frozen.map((source, index) => (
        <MarkdownBlock key={index} source={source} definitions={definitionsFor(source, definitions)} finished />
      ))}
      {tail !== "" && <MarkdownBlock key={frozen.length} source={mendTail(tail)} definitions={definitionsFor(tail, definitions)} finished={false} />}
    </div>
  );
});

interface MarkdownBlockProps {
  readonly source: string;
  readonly definitions: string;
  readonly finished: boolean;
}

/** A block whose nodes are made outside of React: once, or as long as it is the tail, with each frame. */
const MarkdownBlock = memo(function MarkdownBlock({ source, definitions, finished }: MarkdownBlockProps): JSX.Element {
  const words = useStrings().markdown;
  const host = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const nodes = renderBlock(source, definitions, words);
    if (mathIsLoaded()) drawMath(nodes);
    host.current?.replaceChildren(nodes);
  }, [source, definitions, words]);
  useEffect(() => {
    const element = host.current;
    if (!finished || !element) return;
    void highlightIn(element);
    if (element.querySelector(".md-math:not([data-drawn])")) {
      void loadMath().then(() => {
        drawMath(element);
      });
    }
  }, [source, definitions, words, finished]);
  return <div ref={host} className="md-block" />;
});

/** The buttons inside blocks are not React's, so one handler serves them all. */
function onClick(event: MouseEvent<HTMLElement>): void {
  const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>(".md-copy") : null;
  const code = button?.closest(".md-code")?.querySelector("code");
  if (!button || !code) return;
  void copyText(code.textContent.replace(/\n$/, "")).then(
    () => {
      button.dataset["copied"] = "";
      setTimeout(() => {
        delete button.dataset["copied"];
      }, 1500);
    },
    () => {
      getSelection()?.selectAllChildren(code);
    },
  );
}
