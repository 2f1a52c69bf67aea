/**
 * Dice that a shortened history rolls alike: each decision has a label with a sequence of its own, so
 * that an event that is left out does not change what befalls the rest.
 */

export class Dice {
  readonly #seed: number;
  readonly #rolls = new Map<string, number>();

  constructor(seed: number) {
    this.#seed = seed >>> 0;
  }

  /** A number from 0 to below 1. */
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

  /** A whole number from 0 to below `end`. */
  below(label: string, end: number): number {
    return Math.floor(this.roll(label) * end);
  }

  /** Whether something with this probability happens. */
  chance(label: string, probability: number): boolean {
    return this.roll(label) < probability;
  }

  /** One of several. */
  one<T>(label: string, choices: readonly T[]): T {
    return choices[this.below(label, choices.length)]!;
  }

  /** A time from `min` to below `max` ms; short ones are more likely. */
  delay(label: string, min: number, max: number): number {
    return min + this.roll(label) ** 3 * (max - min);
  }
}
