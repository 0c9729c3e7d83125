/** The files that the engine's workers have fetched: the browser lists them in that worker's own `performance` alone. */

const others = new Set<string>();

/** Note what a worker of the engine has fetched. */
export function noteUsed(urls: readonly string[]): void {
  for (const url of urls) others.add(url);
}

/** The addresses of this worker's own files, and of those that its workers have told of. */
export function usedFiles(): string[] {
  return [location.href, ...namesOf(performance), ...others];
}

/** The addresses of the files that this worker has fetched. */
export function namesOf(performance: Performance): string[] {
  return performance.getEntriesByType("resource").map(({ name }) => name);
}
