/** Applies a mask of allowed tokens to logits. */

/** Give every token that the mask forbids, or does not cover, the logit -Infinity. */
export function applyMask(logits: Float32Array, mask: Int32Array): void {
  let possible = false;
  for (let word = 0; word < mask.length; word += 1) {
    const bits = mask[word] ?? 0;
    const from = word * 32;
    if (from >= logits.length) break;
    if (bits === 0) {
      logits.fill(-Infinity, from, from + 32);
      continue;
    }
    const until = Math.min(from + 32, logits.length);
    for (let id = from; id < until; id += 1) {
      if ((bits & (1 << (id - from))) === 0) logits[id] = -Infinity;
      else possible ||= (logits[id] ?? -Infinity) > -Infinity;
    }
  }
  logits.fill(-Infinity, mask.length * 32);
  if (!possible) allowEqually(logits, mask);
}

/** If the network gives every allowed token -Infinity, make all of them equally likely. */
function allowEqually(logits: Float32Array, mask: Int32Array): void {
  for (let id = 0; id < logits.length; id += 1) {
    if (((mask[id >> 5] ?? 0) & (1 << (id & 31))) !== 0) logits[id] = 0;
  }
}
