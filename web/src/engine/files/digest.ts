/** Hashes of files that are too large to be in memory as a whole. */

import { createMD5, createSHA256 } from "hash-wasm";
import type { HashAlgorithm } from "./requests.ts";

export interface Digest {
  update(bytes: Uint8Array): void;
  /** The hash of all bytes so far, in lower-case hexadecimal; ends the digest. */
  hex(): string;
}

export async function startDigest(algorithm: HashAlgorithm): Promise<Digest> {
  const hasher = await (algorithm === "md5" ? createMD5() : createSHA256());
  return {
    update: (bytes) => { hasher.update(bytes); },
    hex: () => hasher.digest("hex"),
  };
}
