/** Puts a text on the clipboard. Rejects where a page may not do that, such as one without https. */
export async function copyText(text: string): Promise<void> {
  await navigator.clipboard.writeText(text); // without https there is no `clipboard`: that rejects, too
}
