/**
 * What was asked of a status monitor and what it has acknowledged, to be held against what is found on
 * its disk. A change that was not answered yet may be there or not.
 */

/** What is wrong with a monitor list, by what it means. */
export interface Damage {
  /** Acknowledged, and not there or with another cookie. */
  readonly lost: readonly string[];
  /** There, and acknowledged as removed, or never asked for. */
  readonly resurrected: readonly string[];
  /** Lines that are no records, and files that are empty. */
  readonly torn: readonly string[];
}

const RECORD = /^[0-9a-f]{8}(?: [0-9a-f]{8}){3} ([0-9a-f]{32}) (\S+) (\S*)$/;
const GONE = "-";

export class Ledger {
  /** Changes that were acknowledged. */
  acknowledged = 0;
  /** Changes that were refused; each has to leave everything as it was. */
  refused = 0;
  readonly #values = new Map<string, string>();
  readonly #asked = new Map<string, string>();

  begin(key: string, value: string): void {
    this.#asked.set(key, value);
  }

  end(key: string): void {
    const value = this.#asked.get(key);
    if (value === undefined) throw new Error(`${key} was acknowledged and not asked for`);
    this.#asked.delete(key);
    this.#values.set(key, value);
    this.acknowledged++;
  }

  refuse(key: string): void {
    this.#asked.delete(key);
    this.refused++;
  }

  /** The acknowledged registrations that are to be there, with their cookies, by key. */
  get registered(): ReadonlyMap<string, string> {
    return new Map([...this.#values].filter(([, value]) => value !== GONE));
  }

  /** Compares with the files of a monitor list, by name; registrations by `others` are passed over. */
  compare(files: ReadonlyMap<string, string>, others = ""): Damage {
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
      const allowed = [this.#values.get(key) ?? GONE, this.#asked.get(key)];
      const values = found.get(key) ?? [GONE];
      for (const value of values.filter((value) => !allowed.includes(value))) {
        (value === GONE ? lost : resurrected).push(`${key}: ${value}, expected ${allowed}`);
      }
    }
    return { lost, resurrected, torn };
  }
}
