/**
 * Answers Python's requests for its stored values (op `values`) in Python's own worker: the database is the site's, and the engine's
 * worker, which answers them for a Python outside the page, may be busy loading a model for half a second.
 */

import { invalid } from "../engine/errors.ts";
import { Peer } from "../engine/peer.ts";
import { Values } from "../engine/values.ts";

/** How such a request begins, as Python writes it (`page/protocol.py`). Parsing every message would cost time. */
const REQUEST = /^\{"v":\d+,"id":\d+,"op":"values"/;

/** Returns a function that answers a text with `reply`, or returns false for one that is not for it. */
export function answerValues(factory: IDBFactory | undefined, reply: (text: string) => void): (text: string) => boolean {
  const values = new Values(factory, () => { peer.event("storage_lost", {}); });
  let greeted = false;
  const wire = { send: (text: string) => { if (greeted) reply(text); } }; // the engine says hello
  const peer = new Peer(wire, {}, async (request) => {
    if (request.op !== "values") throw invalid("op", `'op' must be "values" here, not "${request.op}"`);
    return values.run(request.args);
  });
  greeted = true;
  return (text) => {
    if (!REQUEST.test(text)) return false;
    peer.receive(text);
    return true;
  };
}
