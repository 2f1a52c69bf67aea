/**
 * Acceptance test 8 of identities, on each kind of ledger: nodes put, remove, settle, acquire, restart and
 * die in random order, at every single call on the storage or the network, whose power is cut now and then,
 * and which loses calls, or does them later. An oracle knows what was acknowledged.
 */

import { assert, assertEquals } from "@std/assert";
import {
  type Ledger,
  LedgerError,
  type Ownership,
  SupersededError,
} from "../../lib/cluster/ledger.ts";
import { ENGINES, type LedgerEngine } from "../support/ledger_engines.ts";
import { seededRandom } from "../support/seeded_random.ts";

const SCHEDULES = 300;
const STEPS = 800;
/** Faults of an adoption are noticed in the first dozen schedules; see test/mutations. */
const ADOPTIONS_MIN = 50;
const NODES = ["a", "b", "c"];
/** Calls that one write takes, and more than that. */
const CALLS_OF_WRITE = 6;
const PEERS = ["c1", "c2", "c3", "c4"];
/** Turns of the microtask queue after which every call that can be made is waiting. */
const PROMISE_TURNS = 25;

interface Node {
  ledger: Ledger;
  own: Ownership | undefined;
  isBusy: boolean;
  /** Which of its lives this is: what an earlier one did after its end counts for nothing. */
  life: number;
}

async function promiseTurns(): Promise<void> {
  for (let turn = 0; turn < PROMISE_TURNS; turn++) await undefined;
}

/** Peers by the epoch under which they were acknowledged. */
type Acknowledged = Map<number, Set<string>>;

class Simulation {
  readonly acknowledged: Acknowledged = new Map();
  readonly numbers = new Map<number, number>();
  readonly nodes = new Map<string, Node>();
  /** The highest epoch under which a peer was settled. */
  readonly settled = new Map<string, number>();
  takes = 0;
  /** Epochs that a later process went on with, and another node then took. */
  adoptions = 0;

  constructor(readonly engine: LedgerEngine, readonly random: (below: number) => number) {
    engine.beginSteps(random);
    for (const name of NODES) this.nodes.set(name, this.#newNode(name, 0));
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      if (this.fault !== undefined) return;
      const name = NODES[this.random(NODES.length)]!;
      const { own, isBusy } = this.nodes.get(name)!;
      if (own !== undefined && !isBusy && this.random(25) === 0) {
        await this.#succeedItself(name, own);
      } else this.#act();
      await promiseTurns();
    }
  }

  /**
   * A node's process dies at a write, the next one goes on with the epoch, what the first has left under way
   * comes to its end, and another node takes the identity. Left to chance, all of that is too rare.
   */
  async #succeedItself(name: string, { epoch }: Ownership): Promise<void> {
    const { engine, random } = this;
    const recorded = this.acknowledged.get(epoch) ?? new Set();
    const peer = PEERS[random(PEERS.length)]!;
    const node = this.nodes.get(name)!;
    void this.#do(node, async () => {
      if (!recorded.delete(peer)) return await node.ledger.put([{ monName: peer, addresses: [] }]);
      await node.ledger.remove([peer]);
    });
    const steps = random(CALLS_OF_WRITE);
    for (let step = 0; step < steps && node.isBusy; step++) await this.#step(name);
    this.#restart(name, false);
    const next = this.nodes.get(name)!;
    await this.#untilIdle(name);
    if (next.own === undefined) return; // somebody was first, or a call was lost
    if (engine.finishKilled() === "power cut") this.#cutPower();
    const other = NODES[(NODES.indexOf(name) + 1) % NODES.length]!;
    const taker = this.nodes.get(other)!;
    if (taker.isBusy) return;
    void this.#do(taker, () => this.#take(other, taker));
    await this.#untilIdle(other);
    this.adoptions++;
  }

  async #untilIdle(name: string): Promise<void> {
    for (let step = 0; step < STEPS && this.nodes.get(name)!.isBusy; step++) await this.#step(name);
  }

  async #step(name: string): Promise<void> {
    await promiseTurns();
    this.engine.step(name);
    await promiseTurns();
  }

  #cutPower(): void {
    this.engine.cutPower();
    for (const name of NODES) this.#restart(name, true);
  }

  #act(): void {
    const { engine, random } = this;
    if (random(600) === 0) return this.#cutPower();
    const name = NODES[random(NODES.length)]!;
    if (random(150) === 0) return this.#restart(name, random(2) === 0);
    const node = this.nodes.get(name)!;
    if (!node.isBusy) void this.#begin(name, node);
    else engine.step(name);
  }

  get isHeld(): boolean {
    return [...this.nodes.values()].some(({ own }) => own !== undefined);
  }

  #newNode(name: string, life: number): Node {
    return { ledger: this.engine.ledger(name), own: undefined, isBusy: false, life };
  }

  /** The process dies at whatever it was at; the next one goes on with the epoch, or knows nothing of it. */
  #restart(name: string, forgets: boolean): void {
    const { own, life } = this.nodes.get(name)!;
    this.engine.kill(name);
    const node = this.#newNode(name, life + 1);
    this.nodes.set(name, node);
    if (forgets || own === undefined) return;
    void this.#do(node, async () => {
      const keys = await node.ledger.adopt(own);
      if (this.nodes.get(name) !== node) return;
      node.own = own;
      // Whoever is there is acknowledged from here on without another word to the ledger.
      for (const key of keys) this.#acknowledge(own.epoch, key);
    });
  }

  async #begin(name: string, node: Node): Promise<void> {
    const { random } = this;
    const peer = PEERS[random(PEERS.length)]!;
    const { own } = node;
    // Rarely enough that an epoch sees something.
    if (own === undefined && random(this.isHeld ? 100 : 5) > 0) return;
    if (own === undefined || random(100) === 0) {
      return await this.#do(node, () => this.#take(name, node));
    }
    await this.#do(node, async () => {
      const { epoch } = own;
      switch (random(4)) {
        case 0:
          // It may be gone from when the call is made, and is when that has settled.
          this.acknowledged.get(epoch)?.delete(peer);
          return await node.ledger.remove([peer]);
        case 1:
          // All at once as a rule: a peer that is owed twice would hide the loss of one.
          return await this.#settle(node, epoch, random(4) === 0 ? [peer] : PEERS);
        default:
          return await this.#put(name, node, epoch);
      }
    });
  }

  /** Puts as many peers at the same time as the ledger allows, or fewer. */
  async #put(name: string, node: Node, epoch: number): Promise<void> {
    const { ledger } = node;
    const count = 1 + this.random(ledger.putLimits.outstanding);
    const puts = Array.from({ length: count }, async () => {
      const peer = PEERS[this.random(PEERS.length)]!;
      await ledger.put([{ monName: peer, addresses: [] }]);
      if (this.nodes.get(name) === node) this.#acknowledge(epoch, peer);
    });
    await Promise.allSettled(puts); // the next call is made when all have ended
    await Promise.all(puts);
  }

  async #settle(node: Node, epoch: number, told: readonly string[]): Promise<void> {
    for (const peer of told) {
      this.settled.set(peer, Math.max(epoch, this.settled.get(peer) ?? 0));
    }
    for (const [older, peers] of this.acknowledged) {
      for (const peer of told) if (older < epoch) peers.delete(peer);
    }
    await node.ledger.settle(told);
  }

  #acknowledge(epoch: number, peer: string): void {
    // The answer was overtaken by another node, which found the record and has told the peer.
    if ((this.settled.get(peer) ?? 0) > epoch) return;
    const peers = this.acknowledged.get(epoch) ?? new Set();
    this.acknowledged.set(epoch, peers.add(peer));
  }

  async #take(name: string, node: Node): Promise<void> {
    node.own = undefined;
    const claim = { node: name, life: `${node.life}`, since: "" };
    const taking = await node.ledger.take(claim, () => true);
    assert(taking.outcome === "taken");
    const { epoch, state } = taking.own;
    const before = this.numbers.get(epoch);
    assert(before === undefined || before === state, `epoch ${epoch} has two numbers`);
    for (const [other, number] of this.numbers) {
      assert(other === epoch || (other < epoch) === (number < state), "numbers grow with epochs");
    }
    this.numbers.set(epoch, state);
    const { peers, unread } = await node.ledger.pending();
    assertEquals(unread, 0);
    // What was told or dropped by a holder that did not know yet that it is none counts as that.
    const owed = [...this.acknowledged].flatMap(([older, peers]) =>
      older < epoch ? [...peers] : []
    );
    const found = new Set(peers.map(({ monName }) => monName));
    for (const peer of owed) assert(found.has(peer), `${peer} was acknowledged and is not pending`);
    this.takes++;
    if (this.nodes.get(name) === node) node.own = taking.own;
  }

  async #do(node: Node, action: () => Promise<void>): Promise<void> {
    node.isBusy = true;
    try {
      await action();
    } catch (error) {
      const isDamaged = error instanceof LedgerError && error.message.includes("does not say");
      const isExpected = error instanceof SupersededError || error instanceof LedgerError;
      if (isDamaged || !isExpected) this.fault ??= error;
      if (error instanceof SupersededError) node.own = undefined;
    } finally {
      node.isBusy = false;
    }
  }

  fault: unknown;
}

for (const [kind, newEngine] of Object.entries(ENGINES)) {
  Deno.test(`acceptance 8: no acknowledged record is lost in 300 random schedules: ${kind}`, {
    permissions: { env: ["TEST_SEED"] },
  }, async () => {
    const { seed, random } = seededRandom();
    let takes = 0;
    let adoptions = 0;
    for (let schedule = 0; schedule < SCHEDULES; schedule++) {
      const simulation = new Simulation(newEngine(), random);
      await simulation.run();
      if (simulation.fault !== undefined) {
        throw new Error(`TEST_SEED=${seed}, schedule ${schedule}`, { cause: simulation.fault });
      }
      takes += simulation.takes;
      adoptions += simulation.adoptions;
    }
    assert(takes > SCHEDULES, `${takes} acquires`);
    assert(adoptions > ADOPTIONS_MIN, `${adoptions} adoptions`);
  });
}
