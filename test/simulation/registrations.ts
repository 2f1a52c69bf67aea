/**
 * What the disk may hold, by what was asked for and acknowledged: invariant 1, and the half of 3 that is
 * about records.
 *
 * A registration is what its last acknowledged change has made of it, in the order in which changes
 * arrived; a change that has no reply yet, or has failed, may have been made or not. A record that was
 * moved to the notify list stays there until its peer was told.
 *
 * After a power cut a record may be back whose SM_UNMON was acknowledged: its peer is told of a reboot
 * that did happen.
 */

import type { MonitorRecord } from "../../lib/nsm/ports.ts";
import { recordsIn } from "../../lib/store/record_file.ts";
import { registrationKey } from "../../lib/store/record_format.ts";
import { Violation } from "./violation.ts";

/** One change that was asked for; undefined is a removal. */
interface Change {
  readonly priv: string | undefined;
  /** `found nothing`: a removal was acknowledged while an SM_MON before it was not, and may fail. */
  status: "outstanding" | "acknowledged" | "failed" | "found nothing";
  /** Whether the list in memory was emptied since it arrived. */
  isForgotten?: true;
  /** Whether its record was moved to the notify list before the reply. */
  isMoved?: true;
}

interface Known {
  changes: Change[];
  /** Privs that a power cut may bring back. */
  readonly mayComeBack: Set<string>;
  /** State number when it was asked for last. */
  state: number;
  wasAcknowledged: boolean;
}

/** A record that was seen on the notify list. */
export interface Moved {
  readonly monName: string;
  readonly myName: string;
  readonly state: number;
  readonly wasAcknowledged: boolean;
}

/** What the two lists on disk hold, by {@link registrationKey}. */
export interface Lists {
  readonly monitored: ReadonlyMap<string, string>;
  readonly notified: ReadonlyMap<string, MonitorRecord>;
}

export class Registrations {
  readonly #known = new Map<string, Known>();
  /** Records on the notify list whose peers were not told yet. */
  readonly moved = new Map<string, Moved>();
  /** Records of earlier boots whose peers were not told yet, with what these knew at the boot. */
  readonly #owed = new Map<string, Moved>();
  /** Is told of each registration that sm-notify takes from the monitor list. */
  onMoved: (record: MonitorRecord) => void = () => {};
  /** Keys that memory and disk may differ on: moved, or forgotten by SM_SIMU_CRASH. */
  readonly #apart = new Set<string>();
  readonly #parsed = new Map<string, readonly MonitorRecord[]>();
  readonly #paths = new Map<string, string | undefined>();
  readonly #records = new Map<string, MonitorRecord>();

  /** A call that changes these registrations has arrived; `priv` for SM_MON, and our number then. */
  arrived(records: readonly MonitorRecord[], priv?: string, state = 0): Change {
    const change: Change = { priv, status: "outstanding" };
    for (const record of records) {
      const key = registrationKey(record);
      this.#records.set(key, record);
      this.#of(key).changes.push(change);
      if (priv === undefined) this.#owed.delete(key);
      else this.#of(key).state = state;
    }
    return change;
  }

  /** It was acknowledged, or has failed. */
  replied(
    records: readonly MonitorRecord[],
    change: Change,
    isAcknowledged: boolean,
  ): void {
    change.status = isAcknowledged ? "acknowledged" : "failed";
    if (!isAcknowledged) {
      for (const record of records) {
        // What could not be removed is back on the list, in whatever state the disk is.
        if (change.priv === undefined) this.#apart.add(registrationKey(record));
        else this.#settleRemovals(this.#of(registrationKey(record)));
      }
      return;
    }
    for (const record of records) {
      const key = registrationKey(record);
      const known = this.#of(key);
      // One that is overtaken counts no more.
      if (!known.changes.includes(change)) continue;
      this.#acknowledged(known, change);
      this.#settleRemovals(known);
      if (change.priv === undefined) continue;
      known.wasAcknowledged = true;
      if (change.isMoved) {
        known.changes[0] = { priv: undefined, status: "acknowledged" };
        continue;
      }
      if (change.isForgotten) this.#apart.add(key);
      else this.#apart.delete(key);
    }
  }

  /** What was asked for before a change that was acknowledged counts no more. */
  #acknowledged(known: Known, change: Change): void {
    const at = known.changes.indexOf(change);
    const before = known.changes.slice(0, at);
    if (change.priv === undefined) {
      const lastMon = before.findLast(({ priv }) => priv !== undefined);
      if (lastMon?.status === "outstanding") {
        change.status = "found nothing";
        return;
      }
      if (isUnlisted(before)) {
        // It found nothing on the list: another one is at it, or what was to be there has failed.
        known.changes.splice(at, 1);
        return;
      }
    }
    for (const { priv } of before) if (priv !== undefined) known.mayComeBack.add(priv);
    known.changes = known.changes.slice(at);
  }

  /** An SM_MON has its reply: removals behind it were acknowledged for what it has come to. */
  #settleRemovals(known: Known): void {
    for (const change of [...known.changes]) {
      if (change.status !== "found nothing") continue;
      change.status = "acknowledged";
      this.#acknowledged(known, change);
    }
  }

  /** Registrations that are on the list, by what was acknowledged or may have been done. */
  get keys(): string[] {
    return [...this.#known].filter(([, known]) => allowed(known).some((priv) => priv !== undefined))
      .map(([key]) => key);
  }

  /** Every registration that was ever asked for. */
  get all(): MonitorRecord[] {
    return [...this.#records.values()];
  }

  recordOf(key: string): MonitorRecord {
    return this.#records.get(key)!;
  }

  /** The list in memory was emptied without the disk. */
  forgotten(): void {
    for (const [key, { changes }] of this.#known) {
      this.#apart.add(key);
      for (const change of changes) change.isForgotten = true;
    }
  }

  /** Reads both lists from the files of a state directory. */
  read(files: Iterable<readonly [path: string, text: string]>): Lists {
    const monitored = new Map<string, string>();
    const notified = new Map<string, MonitorRecord>();
    for (const [path, text] of files) {
      const list = this.#listOf(path);
      if (list === undefined) continue;
      let records = this.#parsed.get(text);
      if (records === undefined) {
        const parsed = recordsIn(text);
        if (parsed.faultyLines > 0) throw new Violation("kept", `${path} is torn: ${text}`);
        this.#parsed.set(text, records = parsed.records);
      }
      for (const record of records) {
        const key = registrationKey(record);
        if (list === "sm") monitored.set(key, record.priv);
        else notified.set(key, record);
      }
    }
    return { monitored, notified };
  }

  /** The list that a file belongs to. */
  #listOf(path: string): string | undefined {
    if (this.#paths.has(path)) return this.#paths.get(path);
    const list = /\/(sm|sm\.bak)\/[^/.][^/]*$/.exec(path)?.[1];
    this.#paths.set(path, list);
    return list;
  }

  /** Holds the disk against what was acknowledged; `mayMove` while sm-notify may move records. */
  check(
    { monitored, notified }: Lists,
    mayMove: boolean,
    isTold: (moved: Moved) => boolean,
  ): void {
    for (const [key, known] of this.#known) {
      const may = allowed(known);
      const found = monitored.get(key);
      if (may.includes(found)) continue;
      if (found === undefined && mayMove && notified.has(key)) {
        this.#move(key, known);
        continue;
      }
      // A move that was cut short is made up for by the next run; what SM_SIMU_CRASH has forgotten stays.
      if (found !== undefined && (this.moved.has(key) || this.#apart.has(key))) continue;
      if (found === undefined) throw new Violation("kept", describe(key));
      const detail = `${describe(key)} has ${found.slice(0, 8)}, not ${may.map(brief)}`;
      throw new Violation(may.length === 1 && may[0] === undefined ? "revived" : "kept", detail);
    }
    for (const key of monitored.keys()) {
      if (!this.#known.has(key)) throw new Violation("revived", describe(key));
    }
    for (const [key, { priv }] of notified) {
      if (!this.moved.has(key)) this.#move(key, this.#of(key));
      // It takes the place of an earlier record there whose peer is not told yet.
      else if (mayMove && !monitored.has(key) && noteMove(this.#of(key), priv)) {
        this.#apart.add(key);
      }
    }
    for (const [key, moved] of this.moved) {
      if (notified.has(key)) continue;
      if (!isTold(moved)) {
        // The move was not made lasting.
        if (monitored.has(key)) continue;
        throw new Violation("untold", describe(key));
      }
      this.moved.delete(key);
      this.#owed.delete(key);
    }
  }

  /** Holds the list in memory against the disk, when nothing is outstanding. */
  checkAgreement(listed: Iterable<MonitorRecord>, { monitored }: Lists): void {
    const inMemory = new Map([...listed].map((record) => [registrationKey(record), record.priv]));
    for (const key of new Set([...inMemory.keys(), ...monitored.keys()])) {
      if (this.#apart.has(key) || this.moved.has(key)) continue;
      const known = this.#known.get(key);
      if (known !== undefined && allowed(known).length > 1) continue;
      if (inMemory.get(key) === monitored.get(key)) continue;
      const detail = `${describe(key)}: memory has ${brief(inMemory.get(key))}, ` +
        `the disk ${brief(monitored.get(key))}`;
      throw new Violation("agree", detail);
    }
  }

  /** What is outstanding will not be answered any more: the disk is as it was found. */
  settle({ monitored, notified }: Lists, mayMove: boolean, isPowerCut: boolean): void {
    for (const [key, known] of this.#known) {
      const found = monitored.get(key);
      const may = allowed(known);
      if (found === undefined && mayMove && notified.has(key) && !may.includes(undefined)) {
        this.#move(key, known);
        continue;
      }
      const isBack = isPowerCut && found !== undefined && may.includes(undefined) &&
        known.mayComeBack.has(found);
      if (!may.includes(found) && !isBack && !this.moved.has(key) && !this.#apart.has(key)) {
        const invariant = found === undefined ? "kept" : "revived";
        throw new Violation(
          invariant,
          `${describe(key)} after ${isPowerCut ? "a power cut" : "a kill"}`,
        );
      }
      // What is seen of a change that was cut short may still be lost.
      for (const change of known.changes) {
        if (change.status === "outstanding") change.status = "failed";
      }
    }
    // A move that was not made lasting, of what nobody was promised.
    for (const [key, { wasAcknowledged }] of this.moved) {
      if (isPowerCut && !wasAcknowledged && !notified.has(key)) this.moved.delete(key);
    }
  }

  /** The lists were read: what was found is on disk from now on. */
  loaded({ monitored }: Lists): void {
    for (const [key, known] of this.#known) {
      const found = monitored.get(key);
      const wasPromised = found === undefined ||
        known.changes.some(({ priv, status }) => priv === found && status === "acknowledged");
      known.changes = wasPromised ? [{ priv: found, status: "acknowledged" }] : [
        // What a process has named that was killed before it synced it.
        { priv: undefined, status: "acknowledged" },
        { priv: found, status: "failed" },
      ];
      known.mayComeBack.clear();
      if (found !== undefined) this.#apart.delete(key);
    }
    // Of two spellings of one registration, as SM_SIMU_CRASH or a kill may leave, the list has one.
    const spellings = new Map<string, string>();
    for (const key of monitored.keys()) {
      const other = spellings.get(key.toLowerCase());
      spellings.set(key.toLowerCase(), key);
      if (other !== undefined) this.#apart.add(other).add(key);
    }
  }

  /** This host was restarted: the peer of each record has to be told. */
  rebooted({ monitored }: Lists): void {
    for (const key of monitored.keys()) this.#owed.set(key, this.#movedOf(key));
  }

  /** Records of an earlier boot whose peers were not told. */
  get owed(): Moved[] {
    return [...this.#owed.values()];
  }

  /** Peers of earlier boots need not be told before the next one. */
  stayUntold(): void {
    this.#owed.clear();
  }

  #movedOf(key: string): Moved {
    const { monName, myName } = this.recordOf(key);
    const { state, wasAcknowledged } = this.#of(key);
    return { monName, myName, state, wasAcknowledged };
  }

  #move(key: string, known: Known): void {
    this.onMoved(this.recordOf(key));
    this.moved.set(key, this.#movedOf(key));
    this.#apart.add(key);
    noteMove(known);
    // What is asked for from now on is another record.
    const last = known.changes.findLastIndex(({ status }) => status === "acknowledged");
    known.changes = [
      { priv: undefined, status: "acknowledged" },
      ...known.changes.slice(last + 1),
    ];
  }

  #of(key: string): Known {
    let known = this.#known.get(key);
    if (known === undefined) {
      known = {
        changes: [{ priv: undefined, status: "acknowledged" }],
        mayComeBack: new Set(),
        state: 0,
        wasAcknowledged: false,
      };
      this.#known.set(key, known);
    }
    return known;
  }
}

/** What may be on disk: what the last acknowledged change has made, or any behind it. */
function allowed({ changes }: Known): (string | undefined)[] {
  const last = changes.findLastIndex(({ status }) => status === "acknowledged");
  return [...new Set(changes.slice(Math.max(last, 0)).map(({ priv }) => priv))];
}

/** Notes that what is under way was moved to the notify list, all of it or that with this cookie; whether any is. */
function noteMove({ changes }: Known, cookie?: string): boolean {
  let isUnderWay = false;
  for (const change of changes) {
    const { priv, status } = change;
    const isMeant = priv !== undefined && (cookie === undefined || priv === cookie);
    if (isMeant && status === "outstanding") change.isMoved = isUnderWay = true;
  }
  return isUnderWay;
}

/** Whether nothing is on the list behind these changes although it may be on the disk. */
function isUnlisted(changes: readonly Change[]): boolean {
  const at = changes.findLastIndex(({ priv }) => priv !== undefined);
  const removals = changes.slice(at + 1);
  const wasListed = changes.some(({ priv, status }) => priv !== undefined && status !== "failed");
  return changes[at]?.status === "failed" && !wasListed ||
    removals.some(({ status }) => status === "outstanding");
}

function describe(key: string): string {
  const [, version, , monName, myName] = key.split("\n");
  return `${monName} for ${myName} version ${version}`;
}

function brief(priv: string | undefined): string {
  return priv === undefined ? "nothing" : priv.slice(0, 8);
}
