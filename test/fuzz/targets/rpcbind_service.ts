/**
 * Calls to rpcbind. Each gets an RPC reply or none; only local calls change registrations, and only
 * root removes root's entry. The first byte selects the caller, the rest is the message.
 */

import { assert } from "@std/assert";
import { portmapV2, RPCBIND_ENTRIES_MAX } from "../../../lib/protocol/portmap.ts";
import { rpcblist } from "../../../lib/protocol/rpcbind.ts";
import { rpcbindAccessFault } from "../../../lib/rpcbind/access.ts";
import { Entries } from "../../../lib/rpcbind/entries.ts";
import { ownEntries } from "../../../lib/rpcbind/own_entries.ts";
import { ownerOf, rpcbindServices } from "../../../lib/rpcbind/service.ts";
import { Statistics } from "../../../lib/rpcbind/statistics.ts";
import { decodeReply, encodeCall, replyXid } from "../../support/rpc_messages.ts";
import { dispatcher } from "../../../lib/rpc/dispatch.ts";
import { NETIDS } from "../../../lib/rpc/transport.ts";
import type { Caller } from "../../../lib/rpc/transport.ts";
import { toBytes } from "../../../lib/xdr/types.ts";
import { call, state } from "../messages.ts";
import { onceIn, pick, type Random, type Subject, type Target } from "../target.ts";
import { type Field, mutated, name, text, word } from "../wire.ts";

const local = { address: "127.0.0.1", port: 700, netid: "udp", isLocal: true } as const;
const CALLERS: readonly Caller[] = [
  local,
  { ...local, port: 40_000 },
  { address: "::1", port: 40_000, netid: "tcp6", isLocal: true },
  { address: "/run/rpcbind.sock", port: 0, netid: "tcp", uid: 0, isLocal: true },
  { address: "/run/rpcbind.sock", port: 0, netid: "tcp", uid: 1000, isLocal: true },
  { address: "/run/rpcbind.sock", port: 0, netid: "tcp", uid: -1, isLocal: true },
  { address: "192.0.2.66", port: 700, netid: "udp", isLocal: false },
  { address: "fe80::1%eth0", port: 700, netid: "udp6", isLocal: false },
  { address: "127.0.0.2", port: 700, netid: "tcp", isLocal: true },
];
const REGISTRANTS = 6;
const INTERFACES = [
  { address: "127.0.0.1", netmask: "255.0.0.0", name: "lo", scopeid: 0 },
  { address: "192.0.2.1", netmask: "255.255.255.0", name: "eth0", scopeid: 0 },
  { address: "fe80::5", netmask: "ffff:ffff:ffff:ffff::", name: "eth0", scopeid: 2 },
];
/** Program registered by root, which also occurs in calls. */
const CANARY = {
  r_prog: 7,
  r_vers: 1,
  r_netid: "udp",
  r_addr: "0.0.0.0.8.1",
  r_owner: "superuser",
};
/** Number of entries after which a new rpcbind starts, since listing takes time. */
const ENTRIES_MAX = 300;
const ADDRESSES = ["", "0.0.0.0.8.1", "::.8.3", "192.0.2.1.0.111", "junk", "....", "1.2.3.4.999.1"];

class Service implements Subject {
  #entries = this.#begin();
  #changes = 0;
  #failure: unknown;

  #begin(): Entries {
    return new Entries([...ownEntries(new Set(NETIDS)), CANARY], () => void this.#changes++);
  }

  run(input: Uint8Array): void {
    const index = (input[0] ?? 0) % CALLERS.length;
    const caller = CALLERS[index]!;
    if (this.#entries.all.length > ENTRIES_MAX) this.#entries = this.#begin();
    this.#changes = 0;
    const reply = this.#respond(input.slice(1), caller);
    assert(this.#failure === undefined, `it failed: ${this.#failure}`);
    if (reply !== undefined) assert(replyXid(reply) !== undefined, "the reply is none");
    if (index >= REGISTRANTS) assert(this.#changes === 0, "a stranger changed what is registered");
    const { length } = this.#entries.all;
    assert(length <= RPCBIND_ENTRIES_MAX);
    toBytes(rpcblist, this.#entries.all); // it can be kept
    const isKept = this.#entries.find(7, 1, "udp")?.r_addr === CANARY.r_addr;
    if (ownerOf(caller) === "superuser") this.#entries.set(CANARY, "superuser");
    else assert(isKept, "an entry of root is gone");
  }

  check(): Promise<void> {
    const message = encodeCall(portmapV2, "PMAPPROC_NULL", undefined, 1);
    const reply = this.#respond(message, local);
    assert(reply !== undefined && decodeReply(portmapV2.procedures.PMAPPROC_NULL, reply).ok);
    return Promise.resolve();
  }

  #respond(message: Uint8Array, caller: Caller): Uint8Array | undefined {
    const services = rpcbindServices({
      entries: this.#entries,
      statistics: new Statistics(),
      interfaces: () => INTERFACES,
      time: () => 0,
    });
    const access = { insecure: false, dump: "local", isOwnAddress: () => false } as const;
    const respond = dispatcher(services, {
      access: (row, _, from) => rpcbindAccessFault(row, from, access) ? "tooWeak" : "accept",
      handlerFailed: (_name, _caller, error) => void (this.#failure = error),
      garbage() {},
    });
    const reply = respond(message, caller);
    assert(!(reply instanceof Promise));
    return reply;
  }
}

/** Arguments for all kinds of calls: numbers, or numbers and texts. */
function rpcbindArguments(random: Random): Field[] {
  const numbers = [word(onceIn(random, 2) ? 7 : random(40)), word(random(4))];
  if (onceIn(random, 3)) return [...numbers, word(pick(random, [6, 17, 5])), state(random)];
  const netid = pick(random, [...NETIDS, "local", "UDP", "", name(random)]);
  return [...numbers, text(netid), text(pick(random, ADDRESSES)), text(name(random))];
}

export const rpcbindService: Target = {
  name: "rpcbind service",
  inputs: 4_000,
  generate(random) {
    const numbers = [100_000, 2 + random(3), random(14)];
    const message = mutated([...call(random, numbers), ...rpcbindArguments(random)], random);
    return Uint8Array.from([random(256), ...message]);
  },
  open: () => new Service(),
};
