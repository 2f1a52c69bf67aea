/** Repeatable dice for tests. */

/**
 * Whole numbers from 0 to below what is asked for. The seed is printed by the assertion that fails; give
 * it back in the environment of a run that allows to read it, as TEST_SEED.
 */
export function seededRandom(
  seed = givenSeed() ?? Math.floor(Math.random() * 2 ** 32),
): { readonly seed: number; readonly random: (below: number) => number } {
  let state = seed >>> 0;
  /** mulberry32 */
  const random = (below: number) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ mixed >>> 15, mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return Math.floor(((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32 * below);
  };
  return { seed, random };
}

function givenSeed(): number | undefined {
  if (Deno.permissions.querySync({ name: "env", variable: "TEST_SEED" }).state !== "granted") {
    return undefined;
  }
  const text = Deno.env.get("TEST_SEED");
  return text === undefined ? undefined : Number(text);
}
