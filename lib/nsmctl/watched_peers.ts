/** Known peers of `nsmctl watch`, and the changes found by reading a file again. */

import { nameKey } from "../nsm/host_name.ts";
import type { PeerFacts } from "../nsm/ports.ts";
import type { Colours } from "./terminal.ts";
import type { ReadFile } from "./state_directory.ts";
import { shown } from "./text.ts";

export type ListName = "monitored" | "toBeNotified";

/** Change of one peer. */
export interface PeerChange {
  readonly change: "added" | "gone" | "changed" | "told" | "heard";
  readonly peer: string;
  readonly monitored: boolean;
  readonly toBeNotified: boolean;
  /** State in its notice. */
  readonly state?: number;
}

type Lists = Readonly<Record<ListName, Map<string, readonly string[]>>>;

export class WatchedPeers {
  /** Peers in each file. */
  readonly #files: Lists = { monitored: new Map(), toBeNotified: new Map() };
  /** Number of files per list that contain a peer. */
  readonly #counts = new Map<string, Record<ListName, number>>();
  #facts: ReadonlyMap<string, PeerFacts>;

  constructor(
    monitored: readonly ReadFile[],
    toBeNotified: readonly ReadFile[],
    facts: ReadonlyMap<string, PeerFacts>,
  ) {
    this.#facts = facts;
    for (const file of monitored) this.#put("monitored", file.name, file);
    for (const file of toBeNotified) this.#put("toBeNotified", file.name, file);
  }

  /** Replaces the contents of one file, undefined if it is gone; returns the changes. */
  replace(list: ListName, name: string, file: ReadFile | undefined): PeerChange[] {
    const names = new Set([...this.#files[list].get(name) ?? [], ...namesOf(file)]);
    const before = new Map([...names].map((peer) => [peer, this.#flags(peer)]));
    this.#put(list, name, file);
    const changes: PeerChange[] = [];
    for (const [peer, old] of before) {
      const flags = this.#flags(peer);
      if (old.monitored === flags.monitored && old.toBeNotified === flags.toBeNotified) continue;
      const was = old.monitored || old.toBeNotified;
      const is = flags.monitored || flags.toBeNotified;
      changes.push({ change: !was ? "added" : is ? "changed" : "gone", peer, ...flags });
    }
    return changes;
  }

  /** Replaces the contents of all files. */
  replaceAll(
    monitored: readonly ReadFile[],
    toBeNotified: readonly ReadFile[],
  ): PeerChange[] {
    const changes: PeerChange[] = [];
    const look = (list: ListName, files: readonly ReadFile[]) => {
      const found = new Map(files.map((file) => [file.name, file]));
      for (const name of new Set([...this.#files[list].keys(), ...found.keys()])) {
        changes.push(...this.replace(list, name, found.get(name)));
      }
    };
    look("monitored", monitored);
    look("toBeNotified", toBeNotified);
    return changes;
  }

  /** Replaces the peer memory. */
  learn(facts: ReadonlyMap<string, PeerFacts>): PeerChange[] {
    const changes: PeerChange[] = [];
    for (const [peer, { heardAt, toldAt, lastState }] of facts) {
      const old = this.#facts.get(peer);
      const flags = this.#flags(peer);
      const told: PeerChange = { change: "told", peer, ...flags };
      const state = lastState === undefined ? {} : { state: lastState };
      const heard: PeerChange = { change: "heard", peer, ...flags, ...state };
      const isToldFirst = (toldAt ?? 0) < (heardAt ?? 0);
      if (toldAt !== old?.toldAt && isToldFirst) changes.push(told);
      if (heardAt !== old?.heardAt) changes.push(heard);
      if (toldAt !== old?.toldAt && !isToldFirst) changes.push(told);
    }
    this.#facts = facts;
    return changes;
  }

  #flags(peer: string): { monitored: boolean; toBeNotified: boolean } {
    const counts = this.#counts.get(nameKey(peer));
    return {
      monitored: (counts?.monitored ?? 0) > 0,
      toBeNotified: (counts?.toBeNotified ?? 0) > 0,
    };
  }

  #put(list: ListName, name: string, file: ReadFile | undefined): void {
    for (const peer of this.#files[list].get(name) ?? []) this.#count(list, peer, -1);
    const names = namesOf(file);
    for (const peer of names) this.#count(list, peer, 1);
    if (names.length === 0) this.#files[list].delete(name);
    else this.#files[list].set(name, names);
  }

  #count(list: ListName, peer: string, difference: number): void {
    const key = nameKey(peer);
    const counts = this.#counts.get(key) ?? { monitored: 0, toBeNotified: 0 };
    counts[list] += difference;
    if (counts.monitored === 0 && counts.toBeNotified === 0) this.#counts.delete(key);
    else this.#counts.set(key, counts);
  }
}

/** Text of one change, without the time. */
export function changeText(change: PeerChange, { good, warning, bad, strong }: Colours): string {
  const paint = { added: good, gone: bad, changed: warning, told: good, heard: strong };
  const flags = `${change.monitored ? "M" : " "} ${change.toBeNotified ? "N" : " "}`;
  const state = change.state === undefined ? "" : `  state ${change.state}`;
  return `${paint[change.change](change.change.padEnd(7))} ${flags}  ${shown(change.peer)}${state}`;
}

function namesOf(file: ReadFile | undefined): readonly string[] {
  return [...new Set(file?.records.map(({ record }) => record.monName) ?? [])];
}
