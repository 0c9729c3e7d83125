import type { ChatMessage } from "@browserllm/react";
import { Component, type ReactNode } from "react";

interface BoundaryProps {
  readonly source: ChatMessage["parts"][number];
  readonly children: ReactNode;
}

interface BoundaryState {
  readonly failed: boolean;
}

/** Shows a part as plain text if drawing it failed: one answer must not take the whole conversation away. */
export class Boundary extends Component<BoundaryProps, BoundaryState> {
  override state: BoundaryState = { failed: false };

  static getDerivedStateFromError(): BoundaryState {
    return { failed: true };
  }

  override render(): ReactNode {
    const { source, children } = this.props;
    if (!this.state.failed) return children;
    return <pre className="file-text">{"text" in source && source.text !== null ? source.text : JSON.stringify(source, null, 2)}</pre>;
  }
}
