/**
 * Acceptance test 8 of identities, on the ledger: nodes put, remove, settle, acquire, restart and die in
 * random order, at every single call on the storage, whose power is cut now and then. An oracle knows what
 * was acknowledged.
 */

import { assert, assertEquals } from "@std/assert";
import { DirectoryLedger } from "../../lib/cluster/directory_ledger.ts";
import { LedgerError, type Ownership, SupersededError } from "../../lib/cluster/ledger.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { SharedStorage } from "../support/shared_storage.ts";

const SCHEDULES = 300;
const STEPS = 400;
const NODES = ["a", "b", "c"];
const PEERS = ["c1", "c2", "c3", "c4"];
const DIRECTORY = "/vip1";
/** Turns of the microtask queue after which every call that can be made is waiting. */
const PROMISE_TURNS = 30;

interface Node {
  ledger: DirectoryLedger;
  own: Ownership | undefined;
  isBusy: boolean;
  /** Which of its lives this is: what an earlier one did after its end counts for nothing. */
  life: number;
}

/** Peers by the epoch under which they were acknowledged. */
type Acknowledged = Map<number, Set<string>>;

class Simulation {
  readonly storage = new SharedStorage();
  readonly acknowledged: Acknowledged = new Map();
  readonly numbers = new Map<number, number>();
  readonly nodes = new Map<string, Node>();
  takes = 0;
  #names = 0;

  constructor(readonly random: (below: number) => number) {
    this.storage.mount(DIRECTORY);
    this.storage.isStepped = true;
    for (const name of NODES) this.nodes.set(name, this.#newNode(name, 0));
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      if (this.fault !== undefined) return;
      this.#act();
      for (let turn = 0; turn < PROMISE_TURNS; turn++) await undefined;
    }
  }

  #act(): void {
    const { storage, random } = this;
    if (random(200) === 0) {
      storage.cutPower(random);
      for (const name of NODES) this.#restart(name, true);
      return;
    }
    const name = NODES[random(NODES.length)]!;
    if (random(60) === 0) return this.#restart(name, random(2) === 0);
    const node = this.nodes.get(name)!;
    if (!node.isBusy) void this.#begin(name, node);
    else {
      const mine = storage.waiting.flatMap((owner, index) => owner === name ? [index] : []);
      if (mine.length > 0) storage.step(mine[0]!);
    }
  }

  #newNode(name: string, life: number): Node {
    const ledger = new DirectoryLedger(DIRECTORY, {
      files: this.storage.filesOf(name),
      randomName: () => `${++this.#names}`,
      clock: new FakeClock(1_700_000_000_000),
    });
    return { ledger, own: undefined, isBusy: false, life };
  }

  /** The process dies at whatever it was at; the next one goes on with the epoch, or knows nothing of it. */
  #restart(name: string, forgets: boolean): void {
    const { own, life } = this.nodes.get(name)!;
    this.storage.kill(name);
    const node = this.#newNode(name, life + 1);
    this.nodes.set(name, node);
    if (forgets || own === undefined) return;
    void this.#do(name, node, async () => {
      await node.ledger.adopt(own);
      if (this.nodes.get(name) === node) node.own = own;
    });
  }

  async #begin(name: string, node: Node): Promise<void> {
    const { random } = this;
    const peer = PEERS[random(PEERS.length)]!;
    const { own } = node;
    if (own === undefined || random(12) === 0) {
      return await this.#do(name, node, () => this.#take(name, node));
    }
    await this.#do(name, node, async () => {
      const { epoch } = own;
      switch (random(4)) {
        case 0:
          // It may be gone from when the call is made, and is when that has settled.
          this.acknowledged.get(epoch)?.delete(peer);
          return await node.ledger.remove([peer]);
        case 1:
          for (const [older, peers] of this.acknowledged) if (older < epoch) peers.delete(peer);
          return await node.ledger.settle([peer]);
        default:
          await node.ledger.put([{ monName: peer, addresses: [] }]);
          if (this.nodes.get(name) === node) this.#acknowledge(epoch, peer);
      }
    });
  }

  #acknowledge(epoch: number, peer: string): void {
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

  async #do(_name: string, node: Node, action: () => Promise<void>): Promise<void> {
    node.isBusy = true;
    try {
      await action();
    } catch (error) {
      if (!(error instanceof SupersededError || error instanceof LedgerError)) this.fault ??= error;
      if (error instanceof SupersededError) node.own = undefined;
    } finally {
      node.isBusy = false;
    }
  }

  fault: unknown;
}

Deno.test("acceptance 8: no acknowledged record is lost in 300 random schedules of three nodes", {
  permissions: { env: ["TEST_SEED"] },
}, async () => {
  const { seed, random } = seededRandom();
  let takes = 0;
  for (let schedule = 0; schedule < SCHEDULES; schedule++) {
    const simulation = new Simulation(random);
    await simulation.run();
    if (simulation.fault !== undefined) {
      throw new Error(`TEST_SEED=${seed}, schedule ${schedule}`, { cause: simulation.fault });
    }
    takes += simulation.takes;
  }
  assert(takes > SCHEDULES, `${takes} acquires`);
});
