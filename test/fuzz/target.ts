/** What a fuzz target is. Inputs are bytes whatever they stand for, so that every failure can be shown and cut short in one way. */

/** Whole numbers from 0 to below what is asked for. */
export type Random = (below: number) => number;

/** What is tested, with the oracle around it. */
export interface Subject {
  /** Takes one input. @throws {Error} When the oracle objects; an AssertionError as a rule. */
  run(input: Uint8Array): void | Promise<void>;
  /** Looks whether all is well still, from time to time. @throws {Error} */
  check?(): Promise<void>;
  close?(): void;
}

/** One thing to be fuzzed. */
export interface Target {
  readonly name: string;
  /** Inputs in the short run. */
  readonly inputs: number;
  generate(random: Random): Uint8Array;
  /** Makes what is tested, new. */
  open(): Subject;
}

/** One of several. */
export function pick<T>(random: Random, items: readonly T[]): T {
  return items[random(items.length)]!;
}

/** Whether something happens that happens once in so many times. */
export function onceIn(random: Random, times: number): boolean {
  return random(times) === 0;
}

/** Bytes as text of one character each, and back. */
export function toText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
export function toBytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
