import type { ErrorInfo } from "@browserllm/react";
import { Component, type JSX, type ReactNode } from "react";
import { ErrorPanel } from "../error_panel.tsx";
import { goTo } from "../router.ts";
import { useStrings } from "../strings/index.ts";
import { Button } from "../ui/index.ts";

interface ViewBoundaryProps {
  /** Where the person is: another place is drawn anew. */
  readonly place: string;
  readonly children: ReactNode;
}

interface ViewBoundaryState {
  readonly error: unknown;
  readonly failed: boolean;
  readonly place: string;
}

/** Says what happened if a view cannot be drawn, and leaves the ways to the others. */
export class ViewBoundary extends Component<ViewBoundaryProps, ViewBoundaryState> {
  override state: ViewBoundaryState = { error: null, failed: false, place: this.props.place };

  static getDerivedStateFromError(error: unknown): Partial<ViewBoundaryState> {
    return { error, failed: true };
  }

  static getDerivedStateFromProps({ place }: ViewBoundaryProps, state: ViewBoundaryState): Partial<ViewBoundaryState> | null {
    return place === state.place ? null : { place, error: null, failed: false };
  }

  override render(): ReactNode {
    return this.state.failed ? <Failed error={this.state.error} /> : this.props.children;
  }
}

function Failed({ error }: { readonly error: unknown }): JSX.Element {
  const { shell, chat, problems } = useStrings();
  const message = error instanceof Error ? error.message : String(error);
  const notFetched = NOT_FETCHED.test(message);
  const info: ErrorInfo = { code: "internal", title: chat.failed, message: notFetched ? "" : message, remedy: null, actions: ["reload"], data: {} };
  return (
    <main id="main" className="page" tabIndex={-1}>
      <ErrorPanel error={info} {...(notFetched && { before: problems.partNotFetched })} />
      <Button onClick={() => { goTo("chat"); }}>{shell.newChat}</Button>
    </main>
  );
}

/** What browsers, and Vite for styles, say when a part of the app cannot be fetched. */
const NOT_FETCHED = /dynamically imported module|importing a module script failed|preload css/i;
