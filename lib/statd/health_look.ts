/**
 * Health probe of what the daemon depends on: rpcbind, lock managers, and the run of sm-notify.
 * Every probe has a timeout, and concurrent requests share one.
 */

import { isWildcard } from "../net/wildcards.ts";
import { isLoopback } from "../rpc/address.ts";
import { withoutScope } from "../rpc/transport.ts";
import { NotifyRun } from "../store/notify_run.ts";
import { nlmNull } from "../protocol/nlm.ts";
import { nsmV1, SM_PROG, SM_VERS } from "../protocol/nsm.ts";
import { RpcError } from "../rpc/errors.ts";
import type { MonitorList } from "../nsm/monitor_list.ts";
import { LOCK_MANAGER_ADDRESS } from "../nsm/lock_manager.ts";
import { findPort } from "../nsm/port_lookup.ts";
import type { CallPeer } from "../nsm/ports.ts";
import { ownAddresses } from "../net/own_interfaces.ts";
import { backgroundFiles } from "../platform/background_files.ts";
import { DT_REGULAR, DT_UNKNOWN, type NamedEntry } from "../platform/regular_file.ts";
import { reasonOf } from "../reason.ts";
import { layoutOf } from "../store/layout.ts";
import { type Clock, sleep } from "../time/clock.ts";
import { type BootLookParts, isBootUntold } from "./boot_look.ts";

/** Timeout of one probe, in ms; nsmctl waits for 3 s. */
const LOOK_MS = 1_000;
/** Shortest interval between background probes, in ms. */
const LOOK_AGAIN_MS = 10_000;
/** Limit of lock manager kinds (program and version) that are probed; a host has one. */
const MANAGERS_MAX = 4;
/** Registrations searched for lock manager kinds, at most. */
const SEARCHED_MAX = 1_000;

/** Dependencies of the probe. */
export interface HealthLookParts extends BootLookParts {
  readonly callPeer: CallPeer;
  readonly list: MonitorList;
  readonly clock: Clock;
  /** Addresses that the daemon listens on. */
  readonly bound: readonly {
    readonly netid: string;
    readonly address: string;
    readonly port: number;
  }[];
  /** Counts peers monitored in memory only; undefined if that cannot be told. */
  readonly countMissing: () => Promise<number | undefined>;
  /** Why records cannot be written, without writing any; never rejects. */
  readonly writingFault: () => Promise<string | undefined>;
  /** Why told peers cannot be removed from the notify list; never rejects. */
  readonly notifyWritingFault: () => Promise<string | undefined>;
  readonly reviewRegistration: () => Promise<void>;
  readonly registrationFault: () => string | undefined;
}

export class HealthLook {
  readonly #parts: HealthLookParts;
  #looking: Promise<void> | undefined;
  #lookedAt = -Infinity;
  #listing: Promise<void> | undefined;
  #isRpcbindSilent = false;
  #lockManagerFault: string | undefined;
  #addressFault: string | undefined;
  #ownFault: string | undefined;
  #recordsMissing = 0;
  #writingFault: string | undefined;
  #notifyWritingFault: string | undefined;
  #askingDisk: Promise<void> | undefined;
  #peersNotTold = 0;
  #notifyListFault: string | undefined;
  #toBeNotified = 0;
  #isBootUntold = false;
  #lookingAtBoot: Promise<void> | undefined;

  constructor(parts: HealthLookParts) {
    this.#parts = parts;
  }

  /** Why peers cannot find us through rpcbind; undefined if they can, as far as known. */
  get registrationFault(): string | undefined {
    return this.#parts.registrationFault() ??
      (this.#isRpcbindSilent ? `rpcbind has not answered for ${LOOK_MS / 1000} s` : undefined);
  }

  /** Why a lock manager with registrations does not answer. */
  get lockManagerFault(): string | undefined {
    return this.#parts.list.size === 0 ? undefined : this.#lockManagerFault;
  }

  /** Addresses that we listen on and that this host no longer has. */
  get addressFault(): string | undefined {
    return this.#addressFault;
  }

  /** Reason why our own calls over loopback, and so a lock manager's calls, get no answer. */
  get ownFault(): string | undefined {
    return this.#ownFault;
  }

  /** Number of peers whose records were removed from disk; a restart would lose them. */
  get recordsMissing(): number {
    return this.#recordsMissing;
  }

  /** Why records cannot be written, although no call has tried. */
  get writingFault(): string | undefined {
    return this.#writingFault;
  }

  /** Why told peers cannot be removed from the notify list. */
  get notifyWritingFault(): string | undefined {
    return this.#notifyWritingFault;
  }

  /** Peers to be told of our reboot while no sm-notify runs. */
  get peersNotTold(): number {
    return this.#peersNotTold;
  }

  /** Whether peers from before the boot were not told of it, and no sm-notify has run. */
  get isBootUntold(): boolean {
    return this.#isBootUntold;
  }

  /** Why it is not known who has to be told of our reboot. */
  get notifyListFault(): string | undefined {
    return this.#notifyListFault;
  }

  /** Number of peers on the notify list. */
  get toBeNotified(): number {
    return this.#toBeNotified;
  }

  /** Runs all probes, or joins a run in progress; never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#lookAtAll().finally(() => this.#looking = undefined);
    return this.#looking;
  }

  /** Asks the disk alone, which takes no time unless it stalls; never rejects. */
  lookAtDisk(): Promise<void> {
    this.#askingDisk ??= this.#lookAtWriting().finally(() => this.#askingDisk = undefined);
    return this.#within(this.#askingDisk);
  }

  /** Starts a run, unless one has started recently. */
  lookSoon(): void {
    if (this.#parts.clock.now() - this.#lookedAt >= LOOK_AGAIN_MS) void this.look();
  }

  async #lookAtAll(): Promise<void> {
    this.#lookedAt = this.#parts.clock.now();
    this.#addressFault = this.#lookAtAddresses();
    await Promise.all([
      this.#lookAtRpcbind(),
      this.#lookAtSelf(),
      this.#lookAtLockManagers(),
      this.#within(this.#lookAtRecords()),
      this.lookAtDisk(),
      this.#within(this.#listing ??= this.#lookAtNotifyList()),
      this.#within(this.#lookingAtBoot ??= this.#lookAtBoot()),
    ]);
  }

  #lookAtAddresses(): string | undefined {
    const addresses = ownAddresses();
    if (addresses === undefined) return undefined;
    const own = new Set(addresses);
    const isGone = (address: string) =>
      !isWildcard(address) && !isLoopback(address) && !own.has(address);
    const gone = new Set(
      this.#parts.bound.map(({ address }) => withoutScope(address)).filter(isGone),
    );
    if (gone.size === 0) return undefined;
    return `listening at ${[...gone].join(", ")}, which this host does not have`;
  }

  /** Never rejects; a list that cannot be read leaves the last known answer. */
  async #lookAtBoot(): Promise<void> {
    try {
      this.#isBootUntold = await isBootUntold(this.#parts);
    } catch {
      // Other faults of the directory are reported by its readers and writers.
    } finally {
      this.#lookingAtBoot = undefined;
    }
  }

  /**
   * Looks for ourselves and calls ourselves as a lock manager does: a packet filter or an access rule
   * of rpcbind or ours may stop it.
   */
  async #lookAtSelf(): Promise<void> {
    const { bound, callPeer } = this.#parts;
    const address = LOCK_MANAGER_ADDRESS;
    const ways = (["udp", "tcp"] as const).flatMap((transport) => {
      const port = bound.find(({ netid }) => netid === transport)?.port;
      return port === undefined ? [] : [{ transport, port }];
    });
    const faultsOf = (calls: readonly Promise<unknown>[]) =>
      Promise.all(calls.map((call) => call.then(() => undefined, reasonOf)));
    const [lookUps, calls] = await Promise.all([
      faultsOf(ways.map(({ transport }) => {
        const wanted = { program: SM_PROG, version: SM_VERS, transport };
        return findPort(callPeer, wanted, address, LOOK_MS);
      })),
      faultsOf(
        ways.map(({ transport, port }) =>
          callPeer.call(nsmV1, "SM_NULL", undefined, { address, port }, transport, LOOK_MS)
        ),
      ),
    ]);
    // A lock manager looks for us by one transport, and calls us by any.
    const isFound = lookUps.some((fault) => fault === undefined);
    this.#ownFault = calls.find((fault) => fault !== undefined) ??
      (isFound ? undefined : lookUps[0]);
  }

  async #lookAtRpcbind(): Promise<void> {
    let isReviewed = false;
    await this.#within(this.#parts.reviewRegistration().then(() => isReviewed = true));
    this.#isRpcbindSilent = !isReviewed;
  }

  /**
   * The result of a stalled disk arrives for a later look. A disk that cannot be listed proves nothing:
   * the last known count stays.
   */
  async #lookAtRecords(): Promise<void> {
    this.#recordsMissing = await this.#parts.countMissing() ?? this.#recordsMissing;
  }

  async #lookAtWriting(): Promise<void> {
    this.#writingFault = await this.#parts.writingFault();
    this.#notifyWritingFault = await this.#parts.notifyWritingFault();
  }

  /** Waits for a question, for LOOK_MS at most. */
  async #within(question: Promise<unknown>): Promise<void> {
    const limit = new AbortController();
    await Promise.race([question, sleep(this.#parts.clock.startTimer, LOOK_MS, limit.signal)]);
    limit.abort();
  }

  async #lookAtLockManagers(): Promise<void> {
    const kinds = new Map<string, readonly [program: number, version: number]>();
    let searched = 0;
    for (const { record: { myProg, myVers } } of this.#parts.list.all()) {
      kinds.set(`${myProg} ${myVers}`, [myProg, myVers]);
      if (kinds.size === MANAGERS_MAX || ++searched === SEARCHED_MAX) break;
    }
    const faults = await Promise.all(
      [...kinds.values()].map(([program, version]) => this.#lockManagerFaultOf(program, version)),
    );
    this.#lockManagerFault = faults.find((fault) => fault !== undefined);
  }

  /** Calls procedure 0 of a lock manager; any reply means that it is alive. */
  async #lockManagerFaultOf(program: number, version: number): Promise<string | undefined> {
    const { callPeer } = this.#parts;
    const address = LOCK_MANAGER_ADDRESS;
    try {
      for (const transport of ["udp", "tcp"] as const) {
        const wanted = { program, version, transport };
        const port = await findPort(callPeer, wanted, address, LOOK_MS);
        if (port === undefined) continue;
        const table = nlmNull(program, version);
        await callPeer.call(table, "NLM_NULL", undefined, { address, port }, transport, LOOK_MS);
        return undefined;
      }
      return `program ${program} version ${version} is not registered with rpcbind`;
    } catch (error) {
      const isAnswer = error instanceof RpcError && error.failure.kind !== "timeout";
      return isAnswer ? undefined : reasonOf(error);
    }
  }

  /** Never rejects. The list of a stalled disk arrives for a later look, too. */
  async #lookAtNotifyList(): Promise<void> {
    const { stateDirectoryPath, bootId, log } = this.#parts;
    try {
      const entries = await backgroundFiles.entries(layoutOf(stateDirectoryPath).notifyList);
      const isPeer = ({ name, type }: NamedEntry) =>
        !name.startsWith(".") && (type === DT_REGULAR || type === DT_UNKNOWN); // not lost+found
      const count = entries.filter(isPeer).length;
      this.#toBeNotified = count;
      const isGoingOn = count > 0 && new NotifyRun(stateDirectoryPath, bootId ?? "", log).isGoingOn;
      this.#peersNotTold = isGoingOn ? 0 : count;
      this.#notifyListFault = undefined;
    } catch (error) {
      this.#peersNotTold = 0;
      const isMissing = error instanceof Deno.errors.NotFound;
      this.#notifyListFault = isMissing ? undefined : reasonOf(error);
    } finally {
      this.#listing = undefined;
    }
  }
}
