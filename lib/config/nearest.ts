/** Suggestions for mistyped words: the known word with the least edit distance. */

/** Letters per tolerated edit. */
const LETTERS_PER_EDIT = 3;

/** Nearest of `known` to `given`; undefined if none is near. */
export function nearest(given: string, known: Iterable<string>): string | undefined {
  let found: string | undefined;
  let least = Math.max(1, Math.floor(given.length / LETTERS_PER_EDIT)) + 1;
  for (const word of known) {
    if (Math.abs(word.length - given.length) >= least) continue;
    const distance = editDistance(given.toLowerCase(), word.toLowerCase());
    if (distance < least) [found, least] = [word, distance];
  }
  return found;
}

/** Suggestion at the end of a message: `; did you mean "list"?`, or empty. */
export function didYouMean(given: string, known: Iterable<string>): string {
  const word = nearest(given, known);
  return word === undefined ? "" : `; did you mean "${word}"?`;
}

/** Damerau-Levenshtein distance (optimal string alignment): letters added, lost, changed or swapped. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, before[j - 2]! + 1);
      }
      next.push(least);
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
