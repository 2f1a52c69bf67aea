/** In-memory ledger engines for tests that apply to each: stepped storage, and a stepped network. */

import { DirectoryLedger } from "../../lib/cluster/directory_ledger.ts";
import { EtcdClient, type EtcdRequest, type HttpAnswer } from "../../lib/cluster/etcd_client.ts";
import { EtcdLedger } from "../../lib/cluster/etcd_ledger.ts";
import type { Ledger } from "../../lib/cluster/ledger.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeEtcd } from "./fake_etcd.ts";
import { SharedStorage } from "./shared_storage.ts";

const DIRECTORY = "/vip1";
const ENDPOINTS = ["http://e1:2379", "http://e2:2379"];
const STARTED_AT = 1_700_000_000_000;
/** Timeout in simulated time. */
const TIMEOUT_MS = 1_500;
/** An abandoned message arrives in one of this many steps. */
const LATE = 25;
/** Maximum time per step in ms; large enough that further endpoints are tried. */
const STEP_MS = 400;

type Random = (below: number) => number;

/** Kind of ledger, with the test's controls. */
export interface LedgerEngine {
  /** Ledger of the identity vip1, as opened by a process of a node. */
  ledger(node: string): Ledger;
  /** Makes calls wait for their steps from now on. */
  beginSteps(random: Random): void;
  /** Advances one of a node's calls. */
  step(node: string): void;
  /** Ends the process of a node; its calls never return. */
  kill(node: string): void;
  /** Ends all processes and machines at once. */
  cutPower(): void;
  /**
   * Brings calls of killed processes to their worst end, long after the kill. Returns whether all
   * machines have to fail for that.
   */
  finishKilled(): "power cut" | "done";
}

export const ENGINES: Readonly<Record<string, () => LedgerEngine>> = {
  directory: () => new DirectoryEngine(),
  etcd: () => new EtcdEngine(),
};

class DirectoryEngine implements LedgerEngine {
  readonly storage = new SharedStorage();
  readonly #clock = new FakeClock(STARTED_AT);
  #random: Random = () => 0;
  #names = 0;

  constructor() {
    this.storage.mount(DIRECTORY);
  }

  ledger(node: string): Ledger {
    return new DirectoryLedger(DIRECTORY, {
      files: this.storage.filesOf(node),
      randomName: () => `${++this.#names}`,
      clock: this.#clock,
    });
  }

  beginSteps(random: Random): void {
    this.storage.isStepped = true;
    this.#random = random;
  }

  step(node: string): void {
    const first = this.storage.waiting.indexOf(node);
    if (first >= 0) this.storage.step(first);
  }

  kill(node: string): void {
    this.storage.kill(node);
  }

  cutPower(): void {
    this.storage.cutPower(this.#random);
  }

  finishKilled(): "power cut" {
    return "power cut"; // of unsynced writes
  }
}

/** Process of a node, until killed. */
interface Process {
  readonly node: string;
  isDead: boolean;
}

/** Call on its way to etcd, or its answer on the way back. */
interface Message {
  /** Calling process; undefined for an abandoned call. */
  process: Process | undefined;
  readonly request: EtcdRequest;
  answer?: HttpAnswer;
  readonly settle: PromiseWithResolvers<HttpAnswer>;
}

export class EtcdEngine implements LedgerEngine {
  readonly etcd = new FakeEtcd();
  readonly clock = new FakeClock(STARTED_AT);
  #messages: Message[] = [];
  readonly #processes = new Set<Process>();
  #random: Random | undefined;
  #names = 0;

  ledger(node: string): Ledger {
    const owner: Process = { node, isDead: false };
    this.#processes.add(owner);
    const client = new EtcdClient({
      settings: { endpoints: ENDPOINTS, timeoutMs: TIMEOUT_MS },
      password: () => undefined,
      transport: (request) => this.#send(owner, request),
      clock: this.clock,
    });
    const randomName = () => `${++this.#names}`;
    return new EtcdLedger("vip1", { client, prefix: "/nsm", randomName, clock: this.clock });
  }

  beginSteps(random: Random): void {
    this.#random = random;
  }

  step(node: string): void {
    const random = this.#random!;
    // Abandoned calls arrive at any time.
    const forgotten = this.#messages.filter((message) => message.process === undefined);
    if (forgotten.length > 0 && random(LATE) === 0) {
      this.#deliver(forgotten[random(forgotten.length)]!);
    }
    if (random(20) === 0) this.clock.advance(random(STEP_MS));
    const mine = this.#messages.filter((message) => message.process?.node === node);
    const message = mine[random(mine.length)];
    if (message === undefined) return;
    switch (random(8)) {
      case 0: // the call fails for its caller; the message is lost or still arrives
        if (random(4) === 0) this.#messages.splice(this.#messages.indexOf(message), 1);
        message.process = undefined;
        return message.settle.reject(new Error("connection reset"));
      default:
        return this.#deliver(message);
    }
  }

  kill(node: string): void {
    this.#end((it) => it.node === node);
  }

  cutPower(): void {
    this.#end(() => true);
    this.#messages = this.#messages.filter(() => this.#random!(2) === 0);
  }

  finishKilled(): "done" {
    const forgotten = this.#messages.filter((message) => message.process === undefined);
    for (const message of forgotten) this.#deliver(message);
    return "done";
  }

  #end(isMeant: (it: Process) => boolean): void {
    for (const it of [...this.#processes].filter(isMeant)) {
      it.isDead = true;
      this.#processes.delete(it);
    }
    for (const message of this.#messages) if (message.process?.isDead) message.process = undefined;
  }

  /** Delivers a request or an answer. */
  #deliver(message: Message): void {
    const { url, body, token } = message.request;
    if (message.answer === undefined) {
      message.answer = this.etcd.answer(new URL(url).pathname, body, token);
      if (message.process !== undefined) return;
    }
    this.#messages.splice(this.#messages.indexOf(message), 1);
    if (message.process !== undefined) message.settle.resolve(message.answer);
  }

  #send(owner: Process, request: EtcdRequest): Promise<HttpAnswer> {
    const { url, body, token, signal } = request;
    if (this.#random === undefined) {
      return Promise.resolve(this.etcd.answer(new URL(url).pathname, body, token));
    }
    const message: Message = { process: owner, request, settle: Promise.withResolvers() };
    if (owner.isDead) return message.settle.promise;
    this.#messages.push(message);
    signal.addEventListener("abort", () => {
      message.process = undefined;
      message.settle.reject(new Error("given up"));
    });
    return message.settle.promise;
  }
}
