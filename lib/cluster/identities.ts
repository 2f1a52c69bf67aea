/**
 * Identities of this node, known and held. The loss of one is only reported: moving addresses and
 * fencing nodes is up to the cluster manager (rule R10).
 */

import type { Log } from "../log.ts";
import type { MonitorRecord } from "../nsm/ports.ts";
import type { Clock } from "../time/clock.ts";
import { type Definition, type DefinitionTexts, readDefinition } from "./definition.ts";
import { HeldIdentity } from "./held_identity.ts";
import type { SayOfIdentity } from "./identity_events.ts";
import type { IdentityReport } from "./identity_report.ts";
import {
  definitionOf,
  heldElsewhere,
  leftBehind,
  refusalOf,
  RefusedError,
  sharedLedger,
  unknown,
} from "./refusals.ts";
import { KnownIdentities, type KnownIdentity } from "./known_identities.ts";
import { takeInTime } from "./take_in_time.ts";
import { withinBudget } from "./timers.ts";
import type { Ledger, LedgerError, LedgerPeer, Ownership } from "./ledger.ts";
import { isThisNode } from "./ownership.ts";

/** Limit of identities: each may block a thread, and look-ups need some of the 32. */
const IDENTITIES_MAX = 16;
/** Default time limit of an acquire or a release, in ms. */
export const DEADLINE_MS = 8_000;

/** Dependencies of the identities. */
export interface IdentitiesParts {
  /** @throws {LedgerError} When nfs.conf does not configure it. */
  readonly openLedger: (definition: Definition) => Ledger;
  /** Stores the known identities. @throws {Error} */
  readonly save: (known: ReadonlyMap<string, KnownIdentity>) => void;
  readonly node: string;
  /** Boot id of this node. */
  readonly life: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly say: SayOfIdentity;
}

/** Peers monitored now. */
export interface MonitoredPeers {
  has(monName: string): boolean;
  all(): Iterable<LedgerPeer>;
}

export class Identities {
  readonly #parts: IdentitiesParts;
  readonly #known: KnownIdentities;
  readonly #held = new Map<string, HeldIdentity>();
  /** Identities with a ledger call in progress, which may hang. */
  readonly #busy = new Set<string>();
  #monitored: MonitoredPeers | undefined;

  /** `known` are the stored identities; those of this boot are held from the start. */
  constructor(known: ReadonlyMap<string, KnownIdentity>, parts: IdentitiesParts) {
    this.#parts = parts;
    this.#known = new KnownIdentities(known, parts.save);
    for (const [id, { texts, own }] of known) {
      if (own?.life !== parts.life || own.isReleased) continue;
      try {
        const definition = readDefinition(id, texts);
        const { isLocalEnough } = definition;
        const ledger = parts.openLedger(definition);
        this.#held.set(id, new HeldIdentity(own, true, { ...parts, id, ledger, isLocalEnough }));
      } catch (error) {
        parts.log.error(
          `${error instanceof Error ? error.message : error}; the identity is not held`,
        );
      }
    }
  }

  /** Starts work on the ledgers; call when the monitor list is complete. */
  start(monitored: MonitoredPeers): void {
    this.#monitored = monitored;
    for (const [id, held] of this.#held) {
      this.#parts.log.notice(`Identity ${id}: still held as epoch ${held.own.epoch}`);
      void held.begin(monitored.all()).catch(() => {}); // logged already
    }
  }

  /** Faults of held identities, as texts. */
  get faults(): string[] {
    return [...this.#held].flatMap(([id, { fault, supersededBy }]) => {
      if (supersededBy !== undefined) return [`identity ${id} was taken by ${supersededBy}`];
      return fault === undefined ? [] : [`identity ${id}: ${fault}`];
    });
  }

  /** Reason why an identity refuses a peer at once; undefined if all ledgers may record the peer. */
  refusalOf({ monName }: Pick<MonitorRecord, "monName">): LedgerError | undefined {
    return this.#held.values().map((held) => held.refusalOf(monName)).find(Boolean);
  }

  /**
   * Records a peer with every held identity (rule R1); undefined if the caller need not wait.
   *
   * @throws {LedgerError} (as a rejection) When one of them refuses.
   */
  record({ monName }: Pick<MonitorRecord, "monName">): Promise<unknown> | undefined {
    if (this.#held.size === 0) return undefined;
    const peer = { monName, addresses: [] };
    const waits = [...this.#held.values()].flatMap((held) => held.record(peer) ?? []);
    return waits.length === 0 ? undefined : Promise.all(waits);
  }

  /** Removes a peer from all records, if it is no longer monitored. */
  dropped({ monName }: Pick<MonitorRecord, "monName">): void {
    if (this.#held.size === 0 || this.#monitored?.has(monName) !== false) return;
    for (const held of this.#held.values()) held.drop(monName);
  }

  /** Checks which identities are still held, waiting up to a second for their ledgers. */
  async look(): Promise<void> {
    await Promise.all([...this.#held.values()].map((held) => held.look()));
  }

  list(): IdentityReport[] {
    return [...this.#known.all()].map(([id, known]) => this.#report(id, known));
  }

  /** Adds an identity, or changes one that is not held. @throws {RefusedError} */
  add(id: string, texts: DefinitionTexts): void {
    if (this.#isHeld(id)) {
      throw new RefusedError("held", `Identity ${id} is held: release it first`);
    }
    if (this.#known.get(id) === undefined && this.#known.size >= IDENTITIES_MAX) {
      throw new RefusedError("invalid", `The limit of ${IDENTITIES_MAX} identities is reached`);
    }
    definitionOf(id, texts);
    this.#known.release(id, texts);
  }

  /** Forgets an identity that is not held. @throws {RefusedError} */
  remove(id: string): void {
    if (this.#known.get(id) === undefined) throw unknown(id);
    if (this.#isHeld(id)) {
      throw new RefusedError("held", `Identity ${id} is held: release it first`);
    }
    this.#held.delete(id);
    this.#known.forget(id);
  }

  /**
   * Acquires an identity with a new epoch and state number, and records the peers monitored here.
   * `isFenced`: the present owner is known to be dead, or not to come back.
   *
   * @throws {RefusedError} (as a rejection)
   */
  async acquire(
    id: string,
    texts: DefinitionTexts | undefined,
    isFenced: boolean,
    deadlineMs = DEADLINE_MS,
  ): Promise<IdentityReport> {
    const monitored = this.#monitored;
    if (monitored === undefined) throw new RefusedError("unreachable", "The daemon is starting");
    if (texts !== undefined && !this.#isHeld(id)) this.add(id, texts);
    const known = this.#known.get(id);
    if (known === undefined) throw unknown(id);
    const definition = definitionOf(id, known.texts);
    const sharer = this.#known.sharerOf(definition, (other) => this.#isHeld(other));
    if (sharer !== undefined) throw sharedLedger(id, sharer);
    const { isLocalEnough } = definition;
    const until = this.#parts.clock.now() + deadlineMs;
    await this.#bounded(id, deadlineMs, async (tried) => {
      const ledger = this.#parts.openLedger(definition);
      const { node, life, clock } = this.#parts;
      const since = new Date(clock.wallClock()).toISOString();
      const claim = { node, life, since };
      const mayTakeFrom = (owner: Ownership) => isFenced || isThisNode(owner, claim, known.own);
      const taking = await takeInTime(ledger, claim, mayTakeFrom, { clock, until, tried });
      if (taking.outcome === "held") throw heldElsewhere(id, taking.by, node);
      const { own } = taking;
      // the caller has given up
      if (this.#parts.clock.now() >= until) return await ledger.release();
      const held = new HeldIdentity(own, false, { ...this.#parts, id, ledger, isLocalEnough });
      this.#held.get(id)?.stop();
      this.#held.delete(id);
      try {
        this.#known.keep(id, { texts: known.texts, own });
      } catch (error) {
        await ledger.release(); // as the next process would not hold it
        throw error;
      }
      this.#held.set(id, held);
      await held.begin(monitored.all());
      const { pending, recorded } = held.counts;
      const what = `acquired as epoch ${own.epoch}, state ${own.state}`;
      const counts = `${pending} to be told, ${recorded} monitored`;
      this.#parts.say("identityAcquired", id, `${what}; ${counts}`);
    });
    return this.#report(id, this.#known.get(id)!);
  }

  /**
   * Releases an identity, leaving no file of its ledger open. `isForced`: a ledger that does not
   * answer is abandoned; the text returned says what it does not know.
   *
   * @throws {RefusedError} (as a rejection)
   */
  async release(
    id: string,
    isForced: boolean,
    deadlineMs = DEADLINE_MS,
  ): Promise<string | undefined> {
    const known = this.#known.get(id);
    if (known === undefined) throw unknown(id);
    const held = this.#held.get(id);
    if (held === undefined) return undefined;
    const { unreplicated } = held.counts;
    try {
      await this.#bounded(id, deadlineMs, () => held.release());
    } catch (error) {
      if (!isForced) throw error;
      this.#letGo(id, held, known);
      const stuck = leftBehind(definitionOf(id, known.texts), unreplicated, error);
      this.#parts.log.warning(stuck);
      return stuck;
    }
    this.#letGo(id, held, known);
    this.#parts.say("identityReleased", id, "released");
    return undefined;
  }

  #letGo(id: string, held: HeldIdentity, { texts }: KnownIdentity): void {
    held.stop();
    if (this.#held.get(id) === held) this.#held.delete(id);
    this.#known.release(id, texts);
  }

  /** Notes peers told under an epoch. @throws {RefusedError} */
  told(id: string, epoch: number, monNames: readonly string[]): void {
    const held = this.#held.get(id);
    if (held === undefined || held.supersededBy !== undefined || held.own.epoch !== epoch) {
      throw new RefusedError("superseded", `Identity ${id} is not held as epoch ${epoch}`);
    }
    held.told(monNames);
  }

  stop(): void {
    for (const held of this.#held.values()) held.stop();
  }

  #isHeld(id: string): boolean {
    const held = this.#held.get(id);
    return held !== undefined && held.supersededBy === undefined;
  }

  /** Runs one action per ledger at a time, with a time limit; a late action continues in the background. */
  async #bounded(
    id: string,
    deadlineMs: number,
    action: (tried: (reason: string) => void) => Promise<void>,
  ): Promise<void> {
    if (this.#busy.has(id)) {
      throw new RefusedError("unreachable", `Identity ${id}: another action is under way`);
    }
    this.#busy.add(id);
    let last: string | undefined;
    const acting = action((reason) => last = reason).finally(() => this.#busy.delete(id));
    try {
      await withinBudget(acting, this.#parts.clock, deadlineMs, () => {
        const fault = last ?? this.#held.get(id)?.fault;
        const why = fault === undefined ? "" : `: ${fault}`;
        return new Error(`its ledger has not answered for ${deadlineMs / 1000} s${why}`);
      });
    } catch (error) {
      throw refusalOf(id, error);
    }
  }

  #report(id: string, { texts, own }: KnownIdentity): IdentityReport {
    const held = this.#held.get(id);
    const state = held === undefined
      ? "not held"
      : held.supersededBy === undefined
      ? "held"
      : "superseded";
    return {
      id,
      texts: { ...texts },
      state,
      ...(own?.isReleased !== false
        ? {}
        : { epoch: own.epoch, number: own.state, since: own.since }),
      ...(held?.supersededBy === undefined ? {} : { supersededBy: held.supersededBy }),
      ...(held?.counts ?? { recorded: 0, pending: 0, unread: 0, unreplicated: 0 }),
      ...(held?.fault === undefined ? {} : { fault: held.fault }),
    };
  }
}
