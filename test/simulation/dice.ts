/**
 * Dice that roll alike in a shortened history: each decision has a label with its own sequence, so
 * that removing an event does not change the outcome of other events.
 */

export class Dice {
  readonly #seed: number;
  readonly #rolls = new Map<string, number>();

  constructor(seed: number) {
    this.#seed = seed >>> 0;
  }

  /** Random number from 0 to below 1. */
  roll(label: string): number {
    const number = this.#rolls.get(label) ?? 0;
    this.#rolls.set(label, number + 1);
    let hash = (this.#seed ^ 0x811c9dc5) >>> 0;
    for (let i = 0; i < label.length; i++) {
      hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
    }
    hash = Math.imul(hash ^ number, 0x01000193) ^ number;
    hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
    hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
    return ((hash ^ hash >>> 16) >>> 0) / 2 ** 32;
  }

  /** Random integer from 0 to below `end`. */
  below(label: string, end: number): number {
    return Math.floor(this.roll(label) * end);
  }

  /** True with this probability. */
  chance(label: string, probability: number): boolean {
    return this.roll(label) < probability;
  }

  /** Random choice. */
  one<T>(label: string, choices: readonly T[]): T {
    return choices[this.below(label, choices.length)]!;
  }

  /** Random time from `min` to below `max` ms; short times are more likely. */
  delay(label: string, min: number, max: number): number {
    return min + this.roll(label) ** 3 * (max - min);
  }
}
