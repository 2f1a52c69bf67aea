/**
 * Order of drop-in files.
 *
 * Source: strverscmp(3).
 */

/**
 * Compares two file names so that `9.conf` comes before `10.conf`.
 *
 * At the first difference, the whole runs of digits around it are compared as numbers; a run with
 * leading zeros counts as a fraction and comes first: 000, 00, 01, 010, 09, 0, 1, 9, 10. Anything
 * else compares by character code.
 */
export function versionOrder(a: string, b: string): number {
  const from = startOfDifference(a, b);
  const left = digitsAt(a, from);
  const right = digitsAt(b, from);
  if (left === "" || right === "") return plainOrder(a, b);
  const zeros = leadingZeros(right) - leadingZeros(left);
  if (zeros !== 0) return zeros;
  if (left.startsWith("0")) return plainOrder(a, b);
  return left.length - right.length || plainOrder(a, b);
}

/** Position of the first difference, moved back to the start of its run of digits. */
function startOfDifference(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  while (at > 0 && isDigit(a[at - 1])) at--;
  return at;
}

function digitsAt(text: string, from: number): string {
  return /^[0-9]*/.exec(text.slice(from))?.[0] ?? "";
}

/** Zeros before the number itself, which may be the last zero: one in `01` and in `00`. */
function leadingZeros(digits: string): number {
  return digits.length - digits.replace(/^0+(?=.)/, "").length;
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= "0" && character <= "9";
}

function plainOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
