/** The disk worker: works on open files for the engine worker, which can end it (disk-files.ts says why). */

import { DiskFiles } from "./disk-files.ts";
import type { DiskRequest } from "./disk-messages.ts";

const files = new DiskFiles();

self.addEventListener("message", ({ data }: MessageEvent<DiskRequest>) => {
  void files.answer(data).then((answer) => {
    self.postMessage(answer, { transfer: answer.bytes === undefined ? [] : [answer.bytes.buffer] });
  });
});
