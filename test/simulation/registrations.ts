/**
 * Expected contents of the disk, by calls made and acknowledged: invariant 1, and the part of
 * invariant 3 about records.
 *
 * A registration is the result of its last acknowledged change, in the order of arrival; a change
 * that failed or has no reply yet may be applied or not. A record moved to the notify list stays
 * there until its peer was told.
 *
 * After a power cut, a record whose SM_UNMON was acknowledged may be back: its peer is told of a
 * reboot that did happen.
 */

import type { MonitorRecord } from "../../lib/nsm/ports.ts";
import { recordsIn } from "../../lib/store/record_file.ts";
import { Violation } from "./violation.ts";

/** A change requested; undefined is a removal. */
interface Change {
  readonly priv: string | undefined;
  /** `found nothing`: a removal acknowledged while an earlier SM_MON was pending, which may fail. */
  status: "outstanding" | "acknowledged" | "failed" | "found nothing";
  /** True if the list in memory was emptied since the change arrived. */
  isForgotten?: true;
  /** True if the record was moved to the notify list before the reply. */
  isMoved?: true;
  /** True if the list in memory had no such registration when the removal arrived. */
  isUnlisted?: true;
}

/** The changes of one call, in the order of its registrations. */
type Changes = readonly Change[];

interface Known {
  changes: Change[];
  /** Privs that a power cut may bring back. */
  readonly mayComeBack: Set<string>;
  /** State number at the last SM_MON. */
  state: number;
  wasAcknowledged: boolean;
}

/** Record seen on the notify list. */
export interface Moved {
  readonly monName: string;
  readonly myName: string;
  readonly state: number;
  readonly wasAcknowledged: boolean;
}

/** Cookies on the two lists on disk, by {@link recordKey}. */
export interface Lists {
  readonly monitored: ReadonlyMap<string, string>;
  /** Several cookies per key: records move behind those that are there, perhaps into another file. */
  readonly notified: ReadonlyMap<string, ReadonlySet<string>>;
}

export class Registrations {
  readonly #known = new Map<string, Known>();
  /** Records on the notify list whose peers are not told yet. */
  readonly moved = new Map<string, Moved>();
  /** Records of earlier boots whose peers are not told yet, with the state number known at the boot. */
  readonly #owed = new Map<string, Moved>();
  /** Called for each registration that sm-notify moves from the monitor list. */
  onMoved: (record: MonitorRecord) => void = () => {};
  /** Keys that may differ between memory and disk: moved, or dropped by SM_SIMU_CRASH. */
  readonly #apart = new Set<string>();
  /** Keys whose removal was refused: they are back on the list, whatever the disk has. */
  readonly #refused = new Set<string>();
  readonly #parsed = new Map<string, readonly MonitorRecord[]>();
  readonly #paths = new Map<string, string | undefined>();
  readonly #records = new Map<string, MonitorRecord>();

  /**
   * Notes the arrival of a call that changes these registrations; `priv` for SM_MON, `state` is our
   * number. Each registration has a change of its own: the call may find one listed, and not another.
   */
  arrived(records: readonly MonitorRecord[], priv?: string, state = 0): Changes {
    return records.map((record) => {
      const change: Change = { priv, status: "outstanding" };
      const key = recordKey(record);
      this.#records.set(key, record);
      this.#of(key).changes.push(change);
      const moved = this.moved.get(key);
      // An unfinished move may leave the only lasting copy where it is removed.
      if (priv === undefined && moved) this.moved.set(key, { ...moved, wasAcknowledged: false });
      if (priv === undefined) this.#owed.delete(key);
      else this.#of(key).state = state;
      return change;
    });
  }

  /** Notes the arrival of a removal; `isListed` tells what the list in memory has. */
  removalArrived(
    records: readonly MonitorRecord[],
    isListed: (record: MonitorRecord) => boolean,
  ): Changes {
    const changes = this.arrived(records);
    for (const [i, record] of records.entries()) {
      if (!isListed(record)) changes[i]!.isUnlisted = true;
    }
    return changes;
  }

  /** Notes that an acknowledged SM_MON in other letters has replaced these records, for good. */
  replaced(records: readonly MonitorRecord[], removals: Changes): void {
    for (const [i, record] of records.entries()) {
      const key = recordKey(record);
      const removal = removals[i]!;
      const isLast = this.#of(key).changes[0] === removal && !removal.isForgotten;
      if (isLast) this.#apart.delete(key);
    }
  }

  /** Notes the reply to a call: an acknowledgement or a failure. */
  replied(
    records: readonly MonitorRecord[],
    changes: Changes,
    isAcknowledged: boolean,
  ): void {
    for (const [i, record] of records.entries()) {
      const key = recordKey(record);
      const known = this.#of(key);
      const change = changes[i]!;
      change.status = isAcknowledged ? "acknowledged" : "failed";
      if (!isAcknowledged) {
        if (change.priv === undefined) this.#refused.add(key);
        else this.#settleRemovals(known);
        continue;
      }
      // A superseded change has no effect.
      if (!known.changes.includes(change)) continue;
      this.#acknowledged(known, change);
      this.#settleRemovals(known);
      if (known.changes[0] === change) this.#refused.delete(key);
      if (change.priv === undefined) continue;
      known.wasAcknowledged = true;
      if (change.isMoved) {
        // What is acknowledged behind the move has to stay, too.
        const moved = this.moved.get(key);
        const isWanted = !isBeingRemoved(known.changes);
        if (moved !== undefined && isWanted) {
          this.moved.set(key, { ...moved, wasAcknowledged: true });
        }
        known.changes[0] = { priv: undefined, status: "acknowledged" };
        continue;
      }
      if (change.isForgotten) this.#apart.add(key);
      else this.#apart.delete(key);
    }
  }

  /** Drops the changes before an acknowledged one. */
  #acknowledged(known: Known, change: Change): void {
    const at = known.changes.indexOf(change);
    const before = known.changes.slice(0, at);
    if (change.priv === undefined) {
      const lastMon = before.findLast(({ priv }) => priv !== undefined);
      if (lastMon?.status === "outstanding") {
        change.status = "found nothing";
        return;
      }
      if (isUnlisted(before) || change.isUnlisted && mayBeUnlisted(before)) {
        // The removal found nothing on the list: another removal is pending, or the SM_MON before
        // has failed.
        known.changes.splice(at, 1);
        return;
      }
    }
    for (const { priv } of before) if (priv !== undefined) known.mayComeBack.add(priv);
    known.changes = known.changes.slice(at);
  }

  /** Applies removals that were acknowledged before the reply to this SM_MON. */
  #settleRemovals(known: Known): void {
    for (const change of [...known.changes]) {
      if (change.status !== "found nothing") continue;
      change.status = "acknowledged";
      this.#acknowledged(known, change);
    }
  }

  /** Keys of registrations that are on the list, or may be. */
  get keys(): string[] {
    return [...this.#known].filter(([, known]) => allowed(known).some((priv) => priv !== undefined))
      .map(([key]) => key);
  }

  /** All registrations ever requested. */
  get all(): MonitorRecord[] {
    return [...this.#records.values()];
  }

  recordOf(key: string): MonitorRecord {
    return this.#records.get(key)!;
  }

  /** Notes that the list in memory was emptied without a change of the disk. */
  forgotten(): void {
    for (const [key, { changes }] of this.#known) {
      this.#apart.add(key);
      for (const change of changes) change.isForgotten = true;
    }
  }

  /** Reads both lists from the files of a state directory. */
  read(files: Iterable<readonly [path: string, text: string]>): Lists {
    const monitored = new Map<string, string>();
    const notified = new Map<string, Set<string>>();
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
        const key = recordKey(record);
        if (list === "sm") monitored.set(key, record.priv);
        else notified.set(key, (notified.get(key) ?? new Set()).add(record.priv));
      }
    }
    return { monitored, notified };
  }

  /** List of a file. */
  #listOf(path: string): string | undefined {
    if (this.#paths.has(path)) return this.#paths.get(path);
    const list = /\/(sm|sm\.bak)\/[^/.][^/]*$/.exec(path)?.[1];
    this.#paths.set(path, list);
    return list;
  }

  /**
   * Compares the disk with the acknowledged changes; `mayMove` while sm-notify may move records.
   * @throws {Violation}
   */
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
      // An interrupted move is completed by the next run; records dropped by SM_SIMU_CRASH stay.
      if (found !== undefined && (this.moved.has(key) || this.#apart.has(key))) continue;
      if (found === undefined) throw new Violation("kept", describe(key));
      const detail = `${describe(key)} has ${found.slice(0, 8)}, not ${may.map(brief)}`;
      throw new Violation(may.length === 1 && may[0] === undefined ? "revived" : "kept", detail);
    }
    for (const key of monitored.keys()) {
      if (!this.#known.has(key)) throw new Violation("revived", describe(key));
    }
    for (const [key, privs] of notified) {
      if (!this.moved.has(key)) this.#move(key, this.#of(key));
      // The record replaces an earlier one there whose peer is not told yet.
      else if (mayMove && !monitored.has(key) && noteMove(this.#of(key), privs)) {
        this.#apart.add(key);
      }
    }
    for (const [key, moved] of this.moved) {
      if (notified.has(key)) continue;
      // After a move that was not durable, the record was renewed in other letters.
      const isRenewed = !monitored.has(key) && hasSpelling(monitored, key);
      if (!isRenewed && !isTold(moved)) {
        // The move was not durable.
        if (monitored.has(key)) continue;
        throw new Violation("untold", describe(key));
      }
      this.moved.delete(key);
      this.#owed.delete(key);
    }
  }

  /** Compares the list in memory with the disk, when no call is pending. @throws {Violation} */
  checkAgreement(listed: Iterable<MonitorRecord>, { monitored }: Lists): void {
    const inMemory = new Map([...listed].map((record) => [recordKey(record), record.priv]));
    for (const key of new Set([...inMemory.keys(), ...monitored.keys()])) {
      if (this.#apart.has(key) || this.#refused.has(key) || this.moved.has(key)) continue;
      const known = this.#known.get(key);
      if (known !== undefined && allowed(known).length > 1) continue;
      if (inMemory.get(key) === monitored.get(key)) continue;
      const detail = `${describe(key)}: memory has ${brief(inMemory.get(key))}, ` +
        `the disk ${brief(monitored.get(key))}`;
      throw new Violation("agree", detail);
    }
  }

  /** Settles pending changes by the disk, since they will get no reply. @throws {Violation} */
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
      // An interrupted change that is visible may still be lost.
      for (const change of known.changes) {
        if (change.status === "outstanding") change.status = "failed";
      }
    }
    // Moves that were not durable, of records that are back or had no acknowledged SM_MON.
    for (const [key, { wasAcknowledged }] of isPowerCut ? this.moved : []) {
      const isUndone = hasSpelling(monitored, key) || !wasAcknowledged;
      if (isUndone && !notified.has(key)) this.moved.delete(key);
    }
  }

  /** Notes that the lists were loaded: the records found are now on disk. */
  loaded({ monitored }: Lists): void {
    for (const [key, known] of this.#known) {
      const found = monitored.get(key);
      const wasPromised = found === undefined ||
        known.changes.some(({ priv, status }) => priv === found && status === "acknowledged");
      known.changes = wasPromised ? [{ priv: found, status: "acknowledged" }] : [
        // Named by a killed process that had not synced the file.
        { priv: undefined, status: "acknowledged" },
        { priv: found, status: "failed" },
      ];
      known.wasAcknowledged = found !== undefined && wasPromised;
      known.mayComeBack.clear();
      if (found !== undefined) this.#apart.delete(key);
    }
    // Of two spellings of a registration, left by SM_SIMU_CRASH or a kill, the list has one.
    const spellings = new Map<string, string>();
    for (const key of monitored.keys()) {
      const other = spellings.get(key.toLowerCase());
      spellings.set(key.toLowerCase(), key);
      if (other !== undefined) this.#apart.add(other).add(key);
    }
  }

  /** Notes that a power cut took a number which the disk had refused, back to this one. */
  numberWentBack(number: number): void {
    for (const known of this.#known.values()) known.state = Math.min(known.state, number);
    for (const [key, moved] of this.moved) {
      this.moved.set(key, { ...moved, state: Math.min(moved.state, number) });
    }
  }

  /** Notes a reboot of this host: the peer of each record is owed a notice. */
  rebooted({ monitored }: Lists): void {
    for (const key of monitored.keys()) this.#owed.set(key, this.#movedOf(key));
  }

  /** Records of earlier boots whose peers are not told. */
  get owed(): Moved[] {
    return [...this.#owed.values()];
  }

  #movedOf(key: string): Moved {
    const { monName, myName } = this.recordOf(key);
    const { state, wasAcknowledged, changes } = this.#of(key);
    // An unfinished move may leave the only lasting copy where a removal under way removes it.
    const isWanted = wasAcknowledged && !isBeingRemoved(changes);
    return { monName, myName, state, wasAcknowledged: isWanted };
  }

  #move(key: string, known: Known): void {
    this.onMoved(this.recordOf(key));
    this.moved.set(key, this.#movedOf(key));
    this.#apart.add(key);
    noteMove(known);
    // Later requests are for a new record.
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

/** Allowed contents of the disk: the result of the last acknowledged change, or of any later one. */
function allowed({ changes }: Known): (string | undefined)[] {
  const last = changes.findLastIndex(({ status }) => status === "acknowledged");
  return [...new Set(changes.slice(Math.max(last, 0)).map(({ priv }) => priv))];
}

/** Whether a removal is under way behind the last acknowledged change, or waits for a pending SM_MON. */
function isBeingRemoved(changes: readonly Change[]): boolean {
  const last = changes.findLastIndex(({ status }) => status === "acknowledged");
  return changes.slice(last + 1).some(({ priv, status }) =>
    priv === undefined && status !== "failed"
  );
}

/**
 * Marks pending changes as moved to the notify list, all or those up to the last one with one of
 * these cookies, which replaced the others on disk; returns whether there are any.
 */
function noteMove({ changes }: Known, cookies?: ReadonlySet<string>): boolean {
  const pending = ({ priv, status }: Change) => priv !== undefined && status === "outstanding";
  const last = changes.findLastIndex((change) =>
    pending(change) && cookies?.has(change.priv!) !== false
  );
  const moved = changes.slice(0, last + 1).filter(pending);
  for (const change of moved) change.isMoved = true;
  // What a pending removal would remove is on the other list now, and may be in memory still.
  for (const change of changes) {
    if (change.priv === undefined && change.status === "outstanding") change.isForgotten = true;
  }
  return moved.length > 0;
}

/** Whether the list is empty after these changes, although the disk may have a record. */
function isUnlisted(changes: readonly Change[]): boolean {
  const at = changes.findLastIndex(({ priv }) => priv !== undefined);
  const removals = changes.slice(at + 1);
  const wasListed = changes.some(({ priv, status }) => priv !== undefined && status !== "failed");
  return changes[at]?.status === "failed" && !wasListed ||
    removals.some(({ status }) => status === "outstanding");
}

/**
 * Whether the list may be empty after these changes, although the disk may have a record: a removal
 * of several registrations, which waits for another one or has failed for it, and a failed SM_MON
 * behind it.
 */
function mayBeUnlisted(changes: readonly Change[]): boolean {
  const at = changes.findLastIndex(({ priv }) => priv !== undefined);
  const isRemoval = ({ priv, status }: Change) => priv === undefined && status !== "acknowledged";
  return changes[at]?.status === "failed" && changes.slice(0, at).some(isRemoval);
}

/** Whether a list has the registration of a record, in any letters. */
function hasSpelling(list: ReadonlyMap<string, string>, key: string): boolean {
  return list.has(key) || [...list.keys()].some((one) => one.toLowerCase() === key.toLowerCase());
}

function describe(key: string): string {
  const [, version, , monName, myName] = key.split("\n");
  return `${monName} for ${myName} version ${version}`;
}

function brief(priv: string | undefined): string {
  return priv === undefined ? "nothing" : priv.slice(0, 8);
}

/** Key of a record, in the letters of its file: all fields but priv. */
export function recordKey({ monName, myName, myProg, myVers, myProc }: MonitorRecord): string {
  return [myProg, myVers, myProc, monName, myName].join("\n");
}
