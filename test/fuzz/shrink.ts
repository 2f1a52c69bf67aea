/** Shrinks a failing input while it still fails. */

/** Maximum number of attempts per shrink. */
const TRIES_MAX = 2_000;

/** Shortest and simplest input found that `fails`. */
export async function shrink(
  input: Uint8Array,
  fails: (input: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  let tries = 0;
  let best = input;
  const isBetter = async (tried: Uint8Array) => {
    if (++tries > TRIES_MAX || !await fails(tried)) return false;
    best = tried;
    return true;
  };
  for (let length = best.length >> 1; length >= 1; length >>= 1) {
    for (let at = 0; at + length <= best.length;) {
      const shorter = Uint8Array.of(...best.subarray(0, at), ...best.subarray(at + length));
      if (!await isBetter(shorter)) at += length;
    }
  }
  for (let at = 0; at < best.length; at++) {
    for (const plain of [0, 0x61]) {
      if (best[at] === plain || await isBetter(best.with(at, plain))) break;
    }
  }
  return best;
}
