/** What the widget's script, in the notebook's page, and the page in its frame say to each other. */

/** `app` carries the texts of docs/app.md, `engine` those of docs/protocol.md. */
export type ChannelKind = "app" | "engine";

/** The first message of the frame, to its parent's window. */
export interface FrameHello {
  readonly type: "browserllm-frame";
  readonly version: string;
}

/** The answer, to the frame's window, with the port for all that follows. `chat`: the app will be shown. */
export interface FramePort {
  readonly type: "browserllm-port";
  readonly chat: boolean;
}

export type ToFrame =
  | { readonly type: "open"; readonly channel: number; readonly kind: ChannelKind }
  | { readonly type: "text"; readonly channel: number; readonly text: string }
  | { readonly type: "close"; readonly channel: number; readonly reason: string }
  /** Python is gone: all channels are closed. */
  | { readonly type: "over"; readonly reason: string };

export type FromFrame =
  | { readonly type: "ready" }
  | { readonly type: "text"; readonly channel: number; readonly text: string }
  | { readonly type: "ended"; readonly channel: number; readonly reason: string }
  /** The browser does not let this page keep files, since it is another site than the notebook. */
  | { readonly type: "nothing_kept" }
  | { readonly type: "crashed"; readonly reason: string };
