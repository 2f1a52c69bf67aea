/** Repeatable random numbers for tests. */

/** Seed from TEST_SEED in the environment, to repeat a failure. */
const GIVEN_SEED = Deno.permissions.querySync({ name: "env", variable: "TEST_SEED" }).state ===
    "granted"
  ? Deno.env.get("TEST_SEED")
  : undefined;

/** Random integers from 0 to below the argument; assertions should print the seed. */
export function seededRandom(
  seed = Number(GIVEN_SEED ?? Math.floor(Math.random() * 2 ** 32)),
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
