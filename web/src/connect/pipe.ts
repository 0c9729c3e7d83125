/** A page's end of the app: what `connect.js` hands out. The texts are those of docs/app.md. */

import type { AppPipe as AnyPipe, Boot } from "@browserllm/react/client";

export type OnBoot = (boot: Boot) => void;

/** A pipe that says when its connection has ended without `close`. */
export type AppPipe = AnyPipe & Required<Pick<AnyPipe, "onClose">>;
