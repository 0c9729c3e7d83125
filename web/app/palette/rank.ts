/** Sorts things by how well their names fit a few typed letters. */

/** Returns those whose name contains the letters in this order: names that begin with them first, then words, then the rest. */
export function rank<T>(typed: string, all: readonly T[], nameOf: (one: T) => string): T[] {
  const letters = plain(typed);
  if (letters === "") return [...all];
  return all
    .map((one, index) => ({ one, index, score: scoreOf(letters, plain(nameOf(one))) }))
    .filter(({ score }) => score !== null)
    .sort((a, b) => (a.score ?? 0) - (b.score ?? 0) || a.index - b.index)
    .map(({ one }) => one);
}

function scoreOf(letters: string, name: string): number | null {
  const at = name.indexOf(letters);
  if (at === 0) return 0;
  if (at > 0) return name[at - 1] === " " ? 1 : 2;
  let from = 0;
  for (const letter of letters) {
    from = name.indexOf(letter, from) + 1;
    if (from === 0) return null;
  }
  return 3;
}

/** Lower case without accents. */
function plain(text: string): string {
  return text
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .trim();
}
