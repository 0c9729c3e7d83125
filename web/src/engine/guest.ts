/** What Python outside of this site may ask of its engine: everything but what the site's own app has kept. */

import { PageError } from "./errors.ts";
import type { Handle } from "./peer.ts";

/**
 * Refuse `values`, with the conversations and keys of the site's own visitors. A notebook's kernel has a store of its own, and
 * any page may show `notebook.html` of a public site in a frame.
 */
export function asGuest(handle: Handle): Handle {
  return (request, reply) => {
    if (request.op !== "values") return handle(request, reply);
    return Promise.reject(new PageError("unsupported", "a notebook may not read or write what this site keeps; use a store of the kernel, such as SQLiteStore"));
  };
}
