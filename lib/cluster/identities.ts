/**
 * The identities of this node: which are known, and which are held. Losing one is reported, and nothing is
 * done about it: moving addresses and killing nodes is the cluster manager's business (rule R10).
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
  unknown,
} from "./refusals.ts";
import { takeInTime } from "./take_in_time.ts";
import { withinBudget } from "./timers.ts";
import { type Ledger, type LedgerPeer, type Ownership } from "./ledger.ts";

/** Identities at most: each may keep a thread waiting, and look-ups need some of the 32. */
const IDENTITIES_MAX = 16;
/** How long an acquire or a release takes unless asked otherwise, in ms. */
export const DEADLINE_MS = 8_000;

/** What is kept on this node of an identity. */
export interface KnownIdentity {
  readonly texts: DefinitionTexts;
  /** The epoch under which it is held, or was when the daemon ended. */
  readonly own?: Ownership;
}

/** What the identities work with. */
export interface IdentitiesParts {
  /** @throws {LedgerError} Where it is not said how. */
  readonly openLedger: (definition: Definition) => Ledger;
  /** Keeps what is known over restarts. @throws {Error} */
  readonly save: (known: ReadonlyMap<string, KnownIdentity>) => void;
  readonly node: string;
  /** The life of this node. */
  readonly life: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly say: SayOfIdentity;
}

/** Who is monitored now, by the monitor list. */
export interface MonitoredPeers {
  has(monName: string): boolean;
  all(): Iterable<LedgerPeer>;
}

export class Identities {
  readonly #parts: IdentitiesParts;
  readonly #known: Map<string, KnownIdentity>;
  readonly #held = new Map<string, HeldIdentity>();
  /** Those whose ledger has a call under way that may never return. */
  readonly #busy = new Set<string>();
  #monitored: MonitoredPeers | undefined;

  /** `known` is what was kept; identities of this life of the node are held from the start. */
  constructor(known: ReadonlyMap<string, KnownIdentity>, parts: IdentitiesParts) {
    this.#parts = parts;
    this.#known = new Map(known);
    for (const [id, { texts, own }] of known) {
      if (own?.life !== parts.life) continue;
      try {
        const definition = readDefinition(id, texts);
        const { isLocalEnough } = definition;
        const ledger = parts.openLedger(definition);
        this.#held.set(id, new HeldIdentity(own, true, { ...parts, id, ledger, isLocalEnough }));
      } catch (error) {
        parts.log.error(`${error instanceof Error ? error.message : error}; it is not held`);
      }
    }
  }

  /** Begins to work on the ledgers, when the list of peers is whole. */
  start(monitored: MonitoredPeers): void {
    this.#monitored = monitored;
    for (const [id, held] of this.#held) {
      this.#parts.log.notice(`Identity ${id}: held on as epoch ${held.own.epoch}`);
      void held.begin(monitored.all()).catch(() => {}); // it has logged why
    }
  }

  /** Faults of identities that are held, in words. */
  get faults(): string[] {
    return [...this.#held].flatMap(([id, { fault, supersededBy }]) => {
      if (supersededBy !== undefined) return [`identity ${id} was taken by ${supersededBy}`];
      return fault === undefined ? [] : [`identity ${id}: ${fault}`];
    });
  }

  /**
   * Puts a peer on record with every identity that is held (rule R1); nothing where nobody has to wait.
   *
   * @throws {LedgerError} (as a rejection) When one of them refuses.
   */
  record({ monName }: Pick<MonitorRecord, "monName">): Promise<unknown> | undefined {
    if (this.#held.size === 0) return undefined;
    const peer = { monName, addresses: [] };
    const waits = [...this.#held.values()].flatMap((held) => held.record(peer) ?? []);
    return waits.length === 0 ? undefined : Promise.all(waits);
  }

  /** Takes a peer off the record of all, if nobody asks about it any more. */
  dropped({ monName }: Pick<MonitorRecord, "monName">): void {
    if (this.#held.size === 0 || this.#monitored?.has(monName) !== false) return;
    for (const held of this.#held.values()) held.drop(monName);
  }

  /** Finds out which identities are held still, as far as their ledgers answer within a second. */
  async look(): Promise<void> {
    await Promise.all([...this.#held.values()].map((held) => held.look()));
  }

  list(): IdentityReport[] {
    return [...this.#known].map(([id, known]) => this.#report(id, known));
  }

  /** Makes an identity known, or changes one that is not held. @throws {RefusedError} */
  add(id: string, texts: DefinitionTexts): void {
    if (this.#isHeld(id)) {
      throw new RefusedError("held", `Identity ${id} is held: release it first`);
    }
    if (!this.#known.has(id) && this.#known.size >= IDENTITIES_MAX) {
      throw new RefusedError("invalid", `There are ${IDENTITIES_MAX} identities already`);
    }
    definitionOf(id, texts);
    this.#keep(id, { texts });
  }

  /** Forgets an identity that is not held. @throws {RefusedError} */
  remove(id: string): void {
    if (!this.#known.has(id)) throw unknown(id);
    if (this.#isHeld(id)) {
      throw new RefusedError("held", `Identity ${id} is held: release it first`);
    }
    this.#held.delete(id);
    this.#known.delete(id);
    this.#parts.save(this.#known);
  }

  /**
   * Takes an identity, with a new epoch and state number, and inherits who is monitored here. `isFenced`
   * says that whoever holds it is known to be dead, or not to come back.
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
    const { isLocalEnough } = definition;
    const until = this.#parts.clock.now() + deadlineMs;
    await this.#bounded(id, deadlineMs, async (tried) => {
      const ledger = this.#parts.openLedger(definition);
      const { node, life, clock } = this.#parts;
      const since = new Date(clock.wallClock()).toISOString();
      const taking = await takeInTime(ledger, { node, life, since }, isFenced, {
        clock,
        until,
        tried,
      });
      if (taking.outcome === "held") throw heldElsewhere(id, taking.by);
      const { own } = taking;
      if (this.#parts.clock.now() >= until) return await ledger.release(); // nobody waits for it any more
      const held = new HeldIdentity(own, false, { ...this.#parts, id, ledger, isLocalEnough });
      this.#held.get(id)?.stop();
      this.#held.set(id, held);
      this.#keep(id, { texts: known.texts, own });
      await held.begin(monitored.all());
      const { pending, recorded } = held.counts;
      const what = `acquired as epoch ${own.epoch}, state ${own.state}`;
      const counts = `${pending} to be told, ${recorded} monitored`;
      this.#parts.say("identityAcquired", id, `${what}; ${counts}`);
    });
    return this.#report(id, this.#known.get(id)!);
  }

  /**
   * Lets go of an identity: nothing of its ledger is open then. `isForced` is for a ledger that does not
   * answer: the identity is let go here, and what the ledger was not told is returned in words.
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
      const stuck = leftBehind(id, unreplicated, error);
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
    this.#keep(id, { texts });
  }

  /** Says that peers were told under an epoch. @throws {RefusedError} */
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

  /** Keeps it here at once, and on disk as far as that is possible. */
  #keep(id: string, known: KnownIdentity): void {
    this.#known.set(id, known);
    this.#parts.save(this.#known);
  }

  /** One action at a time for each ledger; what does not end in time goes on by itself. */
  async #bounded(
    id: string,
    deadlineMs: number,
    action: (tried: (reason: string) => void) => Promise<void>,
  ): Promise<void> {
    if (this.#busy.has(id)) {
      throw new RefusedError("unreachable", `Identity ${id}: another action is under way`);
    }
    this.#busy.add(id);
    let last = "";
    const acting = action((reason) => last = `: ${reason}`).finally(() => this.#busy.delete(id));
    try {
      await withinBudget(acting, this.#parts.clock, deadlineMs, () => {
        return new Error(`its ledger has not answered for ${deadlineMs / 1000} s${last}`);
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
      ...(own === undefined ? {} : { epoch: own.epoch, number: own.state, since: own.since }),
      ...(held?.supersededBy === undefined ? {} : { supersededBy: held.supersededBy }),
      ...(held?.counts ?? { recorded: 0, pending: 0, unread: 0, unreplicated: 0 }),
      ...(held?.fault === undefined ? {} : { fault: held.fault }),
    };
  }
}
