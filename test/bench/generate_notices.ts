/** Notices of rebooted peers, and the lock manager that gets the callbacks. */

import { AnySource, BlockingSocket, poll } from "./blocking_sockets.ts";
import { type Figures, hostAddress, median, type Order } from "./generator_orders.ts";
import {
  callbackIn,
  type Message,
  notifyCall,
  nullCall,
  registerLockManager,
  renew,
  successTo,
  xidOf,
} from "./messages.ts";

type NotifyOrder = Extract<Order, { do: "notify" }>;
type StormOrder = Extract<Order, { do: "storm" }>;

/** Time limit of a callback, in ms: nfs-utils takes more than a second to compare 10,000 hosts. */
const CALLBACK_MAX_MS = 60_000;
/** Constant port, since the monitor may remember it. */
const LOCK_MANAGER_PORT = 4045;
/** Reserved port, hardly ever in use: rpcbind lets only reserved ports register. */
const RESERVED_PORT = 1000;
/** Pause after a callback, in ms, for the monitor's follow-up work. */
const BETWEEN_NOTICES_MS = 1;
/** Stride through the hosts, so that notices are not in the order of registration. */
const STRIDE = 7919;
/** Maximum number of states in a run, for each concurrent notice. */
const STATES_OF_A_RUN = 1_000;
/** Duration of a storm, in ms. */
const STORM_MS = 1_000;
/** State in the notices of a storm, never used by {@link notify}. */
const STATE = 1_000_001;
/** Interval between calls of a local program during a storm, in ms. */
const PROBE_MS = 5;

function lockManager(waitMs: number): BlockingSocket {
  const socket = BlockingSocket.udp("127.0.0.1", LOCK_MANAGER_PORT, waitMs);
  const registrar = BlockingSocket.udp("127.0.0.1", RESERVED_PORT);
  registrar.connect("127.0.0.1", 111);
  registrar.send(registerLockManager(socket.port));
  if (registrar.receive() <= 0) throw new Error("rpcbind does not answer");
  return socket;
}

/** Time from concurrent notices to the last callback, without other load. */
export function notify(order: NotifyOrder): Figures {
  const { port, first, hosts, notices, atOnce, ms } = order;
  const lockd = lockManager(CALLBACK_MAX_MS);
  const peer = BlockingSocket.udp();
  peer.connect("127.0.0.1", port);
  const taken: number[] = [];
  const end = performance.now() + ms;
  // A notice with a known state is not passed on.
  let last = atOnce * STATES_OF_A_RUN;
  for (let i = 0; i < notices; i++) {
    if (i > 0 && performance.now() > end) break;
    const calls = Array.from({ length: atOnce }, (_, k) => {
      const number = i * atOnce + k;
      return notifyCall(first + number * STRIDE % hosts, ++last);
    });
    const since = performance.now();
    for (const call of calls) peer.send(call);
    for (let state = 0; state !== last;) {
      if (lockd.receiveFrom() <= 0) throw new Error(`No callback for state ${last}`);
      ({ state } = callbackIn(lockd.buffer));
      lockd.reply(successTo(lockd.buffer));
    }
    taken.push(performance.now() - since);
    do {
      while (peer.receive(false) > 0);
      while (lockd.receiveFrom(false) > 0) lockd.reply(successTo(lockd.buffer));
    } while (poll([peer, lockd], BETWEEN_NOTICES_MS) > 0);
  }
  // The first callback includes the look-up of the port, and is left out.
  return {
    medianMs: median(taken.length > 1 ? taken.slice(1) : taken),
    firstMs: taken[0]!,
    notices: taken.length,
  };
}

/** Pending messages by xid, and the longest time to a reply. */
class Waiting {
  readonly #since = new Map<number, number>();
  longestMs = 0;
  answered = 0;

  constructor(readonly socket: BlockingSocket) {}

  get open(): number {
    return this.#since.size;
  }

  send(call: Message, send: (call: Message) => void = (it) => this.socket.send(it)): void {
    this.#since.set(renew(call), performance.now());
    send(call);
  }

  drain(): void {
    while (this.socket.receive(false) > 0) {
      const since = this.#since.get(xidOf(this.socket.buffer));
      if (since === undefined) continue;
      this.#since.delete(xidOf(this.socket.buffer));
      this.answered++;
      this.longestMs = Math.max(this.longestMs, performance.now() - since);
    }
  }
}

/** Effect of notices of many peers within a second, on callbacks and on other calls. */
export function storm({ port, first, address, peers, waitMs }: StormOrder): Figures {
  const lockd = lockManager(1_000);
  const notices = new Waiting(BlockingSocket.udp("0.0.0.0"));
  const source = new AnySource(notices.socket, address, port);
  const probes = new Waiting(BlockingSocket.udp());
  probes.socket.connect("127.0.0.1", port);
  const told = new Map<string, number>();
  let callbacks = 0;
  let lastCallback = 0;
  const calls = Array.from({ length: peers }, (_, i) => notifyCall(first + i, STATE));
  const probe = nullCall();
  const since = performance.now();
  let [sent, nextProbe] = [0, since];
  for (;;) {
    const now = performance.now();
    if (now - since > waitMs) break;
    const due = Math.min(peers, Math.ceil((now - since) / STORM_MS * peers));
    for (; sent < due; sent++) {
      notices.send(calls[sent]!, (call) => source.send(call, hostAddress(first + sent)));
    }
    if (now >= nextProbe && told.size < peers) {
      probes.send(probe);
      nextProbe += PROBE_MS;
    }
    while (lockd.receiveFrom(false) > 0) {
      const { monName, state } = callbackIn(lockd.buffer);
      lockd.reply(successTo(lockd.buffer));
      callbacks++;
      lastCallback = performance.now() - since;
      told.set(monName, state);
    }
    notices.drain();
    probes.drain();
    if (sent === peers && told.size === peers && notices.open === 0) break;
    poll([lockd, notices.socket, probes.socket], 1);
  }
  return {
    told: told.size,
    superfluous: callbacks - told.size,
    lastMs: lastCallback,
    unanswered: notices.open,
    longestAnswerMs: notices.longestMs,
    probes: probes.answered,
    probesLost: probes.open,
    longestProbeMs: probes.longestMs,
  };
}
