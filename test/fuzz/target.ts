/** Interface of fuzz targets. All inputs are bytes, so that failures are printed and shrunk in one way. */

/** Random integers from 0 to below the argument. */
export type Random = (below: number) => number;

/** Tested code with its oracle. */
export interface Subject {
  /** Processes an input. @throws {Error} When the oracle objects; usually an AssertionError. */
  run(input: Uint8Array): void | Promise<void>;
  /** Periodic check of the state. @throws {Error} */
  check?(): Promise<void>;
  close?(): void;
}

/** Fuzz target. */
export interface Target {
  readonly name: string;
  /** Number of inputs in the short run. */
  readonly inputs: number;
  generate(random: Random): Uint8Array;
  /** Creates a subject. */
  open(): Subject;
}

/** Random choice. */
export function pick<T>(random: Random, items: readonly T[]): T {
  return items[random(items.length)]!;
}

/** True once in `times`. */
export function onceIn(random: Random, times: number): boolean {
  return random(times) === 0;
}

/** Conversion between bytes and text of one character per byte. */
export function toText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
export function toBytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
