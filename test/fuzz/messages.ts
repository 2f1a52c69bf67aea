/** Calls and replies of all programs in use, as fields; valid except for their contents. */

import { EDGES } from "./mutate.ts";
import { onceIn, pick, type Random } from "./target.ts";
import { type Field, fixed, name, noise, text, word } from "./wire.ts";

/** Numbers of callbacks that lock managers request, and other ones. */
const CALLBACKS: readonly (readonly number[])[] = [
  ...[[100021, 3, 16], [100021, 4, 16], [100021, 3, 24], [100021, 0, 1], [100021, 2, 17]],
  ...[[100021, 3, 1], [100000, 2, 1], [100003, 3, 16], [0, 0, 0], [-1, -1, -1]],
];

function myId(random: Random): Field[] {
  const callback = CALLBACKS[random(2) === 0 ? 0 : random(CALLBACKS.length)]!;
  return [text(onceIn(random, 2) ? "thishost" : name(random)), ...callback.map(word)];
}

/** State number. */
export function state(random: Random): Field {
  return word(onceIn(random, 3) ? pick(random, EDGES) : random(64));
}

const priv = (random: Random) => fixed(noise(random, 16));

/** Arguments of each procedure of program 100024. */
export const NSM_ARGUMENTS: readonly ((random: Random) => Field[])[] = [
  () => [],
  (random) => [text(name(random))],
  (random) => [text(name(random)), ...myId(random), priv(random)],
  (random) => [text(name(random)), ...myId(random)],
  (random) => myId(random),
  () => [],
  (random) => [text(name(random)), state(random)],
];

/** An `opaque_auth`: mostly AUTH_NONE or AUTH_SYS. */
export function auth(random: Random): Field[] {
  const choice = random(8);
  if (choice < 5) return [word(0), text("")];
  if (choice === 5) return [word(pick(random, EDGES)), text(noise(random, random(420)))];
  const groups = random(18);
  const parts = [0, 4, 0x7f000001, 0, 0, groups, ...Array<number>(groups).fill(7)];
  const body = parts.map((part) =>
    String.fromCharCode(part >>> 24, part >>> 16 & 0xff, part >>> 8 & 0xff, part & 0xff)
  );
  return [word(1), text(`${body.slice(0, 2).join("")}host${body.slice(3).join("")}`)];
}

/** Call of program 100024. */
export function nsmCall(random: Random): Field[] {
  const procedure = random(NSM_ARGUMENTS.length);
  const args = NSM_ARGUMENTS[procedure]!(random);
  return [...call(random, [100024, 1, procedure]), ...args];
}

/** Header of a call. */
export function call(random: Random, numbers: readonly number[]): Field[] {
  const start = [random(2 ** 32), 0, 2, ...numbers].map(word);
  return [...start, ...auth(random), ...auth(random)];
}

const ADDRESSES = [
  "",
  "192.0.2.1.3.10",
  "::1.0.111",
  "0.0.0.0.8.1",
  "1.2.3.4.256.1",
  "x.1",
  "....",
];

/** Results of all kinds of replies that we receive, in this order. */
export const RESULTS: readonly ((random: Random) => Field[])[] = [
  () => [],
  (random) => [word(random(3)), state(random)],
  (random) => [state(random)],
  (random) => [word(onceIn(random, 2) ? 4045 : pick(random, EDGES))],
  (random) => [word(random(3))],
  (random) => [text(onceIn(random, 2) ? pick(random, ADDRESSES) : name(random))],
];

/** Reply to the call with an xid, with one of the results. */
export function reply(random: Random, xid: number, result: number): Field[] {
  const start = [word(xid), word(1)];
  if (onceIn(random, 8)) {
    const why = random(3);
    const more = why === 0 ? [random(5), random(5)] : [random(14)];
    return [...start, word(1), word(why), ...more.map(word)];
  }
  const accepted = [...start, word(0), ...auth(random)];
  if (onceIn(random, 3)) {
    return [...accepted, word(random(7)), word(pick(random, [0, 2, 3, 4, 9])), word(random(5))];
  }
  return [...accepted, word(0), ...RESULTS[result]!(random)];
}
