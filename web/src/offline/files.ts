/** What the service worker knows of the site's files, as the build lists them. */

/** A file of the site: its path from the site's folder, and the SHA-256 of its bytes in hex. */
export interface SiteFile {
  readonly path: string;
  readonly sha256: string;
  /** Fetched at the first visit; the others once a visit has used them. */
  readonly core: boolean;
}

export interface SiteFiles {
  /** Changes with any file. */
  readonly version: string;
  readonly files: readonly SiteFile[];
}

/** The name of the cache with a version's files. */
export const CACHE_PREFIX = "browserllm-site-";

/** Where shared texts and files wait until the app takes them. */
export const SHARED_CACHE = "browserllm-shared";

/** The path below the site's folder that an address asks for: no query, and the `index.html` of a folder. */
export function pathOf(url: URL, scope: URL): string | null {
  if (url.origin !== scope.origin || !url.pathname.startsWith(scope.pathname)) return null;
  const path = url.pathname.slice(scope.pathname.length);
  return path === "" || path.endsWith("/") ? `${path}index.html` : path;
}

/** The byte range of a Range header in a file of `size` bytes; null for the whole file, "none" if there is no such part. */
export function readRange(header: string | null, size: number): { start: number; end: number } | "none" | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.replaceAll(" ", "") ?? "");
  if (match === null) return null;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return null;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(size - 1, Number(last));
  return start > end ? "none" : { start, end };
}
