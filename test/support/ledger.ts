/**
 * Expected monitor list: calls made and acknowledged, for a comparison with the disk. An
 * unacknowledged change may be on disk or not.
 */

/** Damage of a monitor list, by kind. */
export interface Damage {
  /** Acknowledged registrations that are missing or have another cookie. */
  readonly lost: readonly string[];
  /** Registrations on disk whose removal was acknowledged, or that were never requested. */
  readonly resurrected: readonly string[];
  /** Lines that are no records, and empty files. */
  readonly torn: readonly string[];
}

const RECORD = /^[0-9a-f]{8}(?: [0-9a-f]{8}){3} ([0-9a-f]{32}) (\S+) (\S*)$/;
const GONE = "-";

/** View on a monitor list. */
export interface View {
  /** Registrations by this my_name are ignored. */
  readonly others?: string;
  /** Time in ms, as of {@link Ledger.end}; a removal younger than `graceMs` may be undone. */
  readonly now?: number;
  readonly graceMs?: number;
}

export class Ledger {
  /** Number of acknowledged changes. */
  acknowledged = 0;
  /** Number of refused changes, which must have no effect. */
  refused = 0;
  readonly #values = new Map<string, string>();
  readonly #asked = new Map<string, string>();
  /** Value and time of a key's removal, if that was its last change. */
  readonly #removed = new Map<string, { readonly value: string; readonly at: number }>();

  begin(key: string, value: string): void {
    this.#asked.set(key, value);
  }

  end(key: string, at = 0): void {
    const value = this.#asked.get(key);
    if (value === undefined) throw new Error(`${key} was acknowledged and not asked for`);
    const before = this.#values.get(key);
    if (value !== GONE) this.#removed.delete(key);
    else if (before !== undefined && before !== GONE) this.#removed.set(key, { value: before, at });
    this.#asked.delete(key);
    this.#values.set(key, value);
    this.acknowledged++;
  }

  refuse(key: string): void {
    this.#asked.delete(key);
    this.refused++;
  }

  /** Copy of the present state, independent of the original. */
  copy(): Ledger {
    const copy = new Ledger();
    for (const each of this.#values) copy.#values.set(...each);
    for (const each of this.#asked) copy.#asked.set(...each);
    for (const each of this.#removed) copy.#removed.set(...each);
    return copy;
  }

  /** Acknowledged registrations: cookies by key. */
  get registered(): ReadonlyMap<string, string> {
    return new Map([...this.#values].filter(([, value]) => value !== GONE));
  }

  /** Compares with the files of a monitor list, by name. */
  compare(
    files: ReadonlyMap<string, string>,
    { others = "", now = Infinity, graceMs = 0 }: View = {},
  ): Damage {
    const torn: string[] = [];
    const found = new Map<string, string[]>();
    for (const [file, text] of files) {
      if (text === "") torn.push(`${file} is empty`);
      for (const line of text.split("\n").filter((line) => line !== "")) {
        const [, value, monName, myName] = RECORD.exec(line) ?? [];
        if (value === undefined) torn.push(`${file}: ${line}`);
        else if (myName !== others) {
          const key = `${monName}/${myName}`;
          found.set(key, [...found.get(key) ?? [], value]);
        }
      }
    }
    const lost: string[] = [];
    const resurrected: string[] = [];
    for (const key of new Set([...this.#values.keys(), ...this.#asked.keys(), ...found.keys()])) {
      const removed = this.#removed.get(key);
      const revived = removed !== undefined && now - removed.at < graceMs
        ? removed.value
        : undefined;
      const allowed = [this.#values.get(key) ?? GONE, this.#asked.get(key), revived];
      const values = found.get(key) ?? [GONE];
      for (const value of values.filter((value) => !allowed.includes(value))) {
        (value === GONE ? lost : resurrected).push(`${key}: ${value}, expected ${allowed}`);
      }
    }
    return { lost, resurrected, torn };
  }
}
