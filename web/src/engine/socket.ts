/** The one WebSocket that an engine opens: to Python, at the address that its own site has. */

/** Where the server of a launched browser takes it (`page/serving/static.py`). */
const PATH = "/host";

/**
 * The socket's address. No other page can choose it: the host is the site's own. The secret opens it.
 */
export function socketUrl(site: Pick<Location, "protocol" | "host">, secret: string): string {
  const scheme = site.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${site.host}${PATH}?token=${encodeURIComponent(secret)}`;
}
