/**
 * Calls to the complete service. Each call gets a short RPC reply or none; log lines are printable
 * and short; the state directory changes only by valid local calls, and agrees with memory. The
 * first byte selects the caller, the rest is the message.
 */

import { assert, assertEquals } from "@std/assert";
import { nameKey } from "../../../lib/nsm/host_name.ts";
import { nsmV1 } from "../../../lib/protocol/nsm.ts";
import { PMAP_PROG } from "../../../lib/protocol/portmap.ts";
import { decodeReply, encodeCall, replyXid } from "../../support/rpc_messages.ts";
import type { Args, Result } from "../../../lib/rpc/program.ts";
import type { Caller } from "../../../lib/rpc/transport.ts";
import { isSpareName, PEERS_FILE } from "../../../lib/store/layout.ts";
import { parseRecord } from "../../../lib/store/record_format.ts";
import { nsmCall } from "../messages.ts";
import { type MonitorUnderTest, newMonitor } from "../../support/monitor_world.ts";
import { onceIn, type Subject, type Target } from "../target.ts";
import { mutated } from "../wire.ts";

/** Longest replies: AUTH_ERROR, PROG_MISMATCH and the result of SM_MON. */
const REPLY_MAX_BYTES = 32;
const LOG_LINES_MAX = 16;
const LOG_LINE_MAX = 2_500;
/** Time between two calls, in ms. */
const PAUSE_MS = 20;
/** Number of registrations after which a new monitor starts, since listing the directory takes time. */
const REGISTRATIONS_MAX = 200;

const local = { address: "127.0.0.1", port: 700, netid: "udp", isLocal: true } as const;
const CALLERS: readonly Caller[] = [
  local,
  { ...local, netid: "tcp" },
  { ...local, port: 40_000 },
  { address: "::1", port: 700, netid: "tcp6", isLocal: true },
  { address: "10.99.0.2", port: 700, netid: "udp", isLocal: false },
  { address: "10.99.0.3", port: 40_000, netid: "tcp", isLocal: false },
  { address: "192.0.2.66", port: 700, netid: "udp", isLocal: false },
  { address: "fd99::2", port: 700, netid: "udp6", isLocal: false },
  { address: "fe80::1%lo", port: 1, netid: "udp6", isLocal: false },
  // Sources of no real host, possible with a raw socket.
  { address: "0.0.0.0", port: 700, netid: "udp", isLocal: false },
  { address: "255.255.255.255", port: 700, netid: "udp", isLocal: false },
  { address: "224.0.0.1", port: 700, netid: "udp", isLocal: false },
  { address: "126.255.255.255", port: 700, netid: "udp", isLocal: false },
  { address: "::", port: 700, netid: "udp6", isLocal: false },
  { address: "ff02::1", port: 700, netid: "udp6", isLocal: false },
  { address: "::127.0.0.1", port: 700, netid: "udp6", isLocal: false },
  // Mapped addresses are dropped at the socket; no later code takes one for its IPv4 address.
  { address: "::ffff:127.0.0.1", port: 700, netid: "udp6", isLocal: false },
  { address: "::ffff:7f00:1", port: 700, netid: "tcp6", isLocal: false },
  { address: "::ffff:10.99.0.2", port: 700, netid: "udp6", isLocal: false },
  { address: "64:ff9b::7f00:1", port: 700, netid: "udp6", isLocal: false },
  { address: "fe80::1%lo1", port: 0, netid: "udp6", isLocal: false },
];
const isLocal = (caller: Caller) => caller.address === "127.0.0.1" || caller.address === "::1";

/** Time after which the directory is tidied up, if no peer is monitored. */
const TIDIED_AFTER_MS = 50;
/** SM_MON, SM_UNMON, SM_UNMON_ALL */
const CHANGING = [2, 3, 4];
const CANARY = {
  mon_id: {
    mon_name: "canary",
    my_id: { my_name: "fuzz", my_prog: 100021, my_vers: 4, my_proc: 16 },
  },
  priv: new Uint8Array(16).fill(7),
};

type Rows = typeof nsmV1.procedures;

class Service implements Subject {
  readonly #parts: MonitorUnderTest = newMonitor({ failsOnceIn: 5 });

  async run(input: Uint8Array): Promise<void> {
    const { monitor, files, log, clock, resolver, called } = this.#parts;
    const caller = CALLERS[(input[0] ?? 0) % CALLERS.length]!;
    const message = input.slice(1);
    const reply = await monitor.respond(message, caller);
    if (reply !== undefined) checkReply(reply, message);
    // Spare files vanish at any time.
    const first = files.changed.find((path) => !isSpareName(path.slice(path.lastIndexOf("/") + 1)));
    if (first !== undefined) {
      assert(mayChange(message, caller, reply), `"${first}" was changed`);
      const inside = `${this.#parts.directory}/sm/`;
      for (const path of files.changed) {
        assert(path.startsWith(inside) && !path.slice(inside.length).includes("/"), path);
      }
    }
    assert(log.lines.length <= LOG_LINES_MAX, `${log.lines.length} lines are logged`);
    for (const line of log.lines) {
      assert(line.length <= LOG_LINE_MAX && !/[^ -~…]/.test(line), JSON.stringify(line));
    }
    for (const { program, procedure, address } of called) {
      assert(address === "127.0.0.1", `${address} is called`);
      const isLockManager = program === 100021 && [1, 16, 17, 24].includes(procedure);
      assert(isLockManager || program === PMAP_PROG, `program ${program} is called`);
    }
    files.changed.length =
      log.lines.length =
      resolver.asked.length =
      called.length =
        0;
    clock.advance(PAUSE_MS);
  }

  async check(): Promise<void> {
    const { monitor, files, log } = this.#parts;
    await this.#call("SM_NULL", undefined);
    assertEquals((await this.#call("SM_MON", CANARY)).res_stat, 0, `SM_MON fails: ${log.lines}`);
    assert(monitor.list.has("canary"));
    this.#checkDirectory();
    await this.#call("SM_UNMON", CANARY.mon_id);
    assert(!monitor.list.has("canary"), "SM_UNMON has no effect");
    this.#checkDirectory();
    if (monitor.list.size > REGISTRATIONS_MAX) {
      await monitor.administration.forget([...monitor.list.peerNames()], "fuzz");
    }
    files.changed.length = log.lines.length = 0;
  }

  close(): void {
    this.#parts[Symbol.dispose]();
  }

  async #call<K extends keyof Rows & string>(name: K, args: Args<Rows[K]>) {
    const reply = await this.#parts.monitor.respond(encodeCall(nsmV1, name, args, 1), local);
    assert(reply !== undefined, `${name} is not answered`);
    const decoded = decodeReply(nsmV1.procedures[name], reply);
    assert(decoded.ok, `${name} fails`);
    return decoded.result as Result<Rows[K]>;
  }

  /**
   * Checks that the directory holds the files of nfs-utils, our copy of the number, and the
   * registrations in memory.
   */
  #checkDirectory(): void {
    const { clock, directory, monitor } = this.#parts;
    clock.advance(TIDIED_AFTER_MS);
    for (const { name } of Deno.readDirSync(directory)) {
      assert(["sm", "sm.bak", "state", ".state"].includes(name), `there is "${name}"`);
    }
    const onDisk: string[] = [];
    for (const { name, isFile } of Deno.readDirSync(`${directory}/sm`)) {
      if (name === PEERS_FILE || isSpareName(name) && monitor.list.size > 0) continue;
      assert(isFile && /^[!-.0-~]+$/.test(name) && !name.startsWith("."), `there is "sm/${name}"`);
      const lines = Deno.readTextFileSync(`${directory}/sm/${name}`).split("\n");
      assertEquals(lines.pop(), "", "the last line has no end");
      for (const line of lines) {
        const record = parseRecord(line);
        // A registration renewed in another letter case stays in its file.
        assert(record !== undefined && nameKey(record.monName) === nameKey(name), line);
        onDisk.push(line);
      }
    }
    assertEquals(onDisk.length, monitor.list.size, "disk and memory differ");
  }
}

function checkReply(reply: Uint8Array, message: Uint8Array): void {
  assert(reply.length <= REPLY_MAX_BYTES, `the reply has ${reply.length} bytes`);
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  assertEquals(replyXid(reply), view.getUint32(0));
  assertEquals(view.getUint32(4), 0, "what is no call is answered");
  const decoded = decodeReply(nsmV1.procedures.SM_NULL, reply);
  if (decoded.ok) return;
  assert(decoded.failure.kind !== "protocol", `the reply is malformed: ${decoded.failure.kind}`);
  assert(decoded.failure.kind !== "accepted" || decoded.failure.stat !== 5, "SYSTEM_ERR");
}

/** Whether a call may change files: a local one of a changing procedure, answered with success. */
function mayChange(message: Uint8Array, caller: Caller, reply: Uint8Array | undefined): boolean {
  if (reply === undefined || !isLocal(caller)) return false;
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const [, , version, program, programVersion, procedure] = [0, 4, 8, 12, 16, 20]
    .map((at) => view.getUint32(at));
  const isOurs = version === 2 && program === 100024 && programVersion === 1;
  return isOurs && CHANGING.includes(procedure!) &&
    decodeReply(nsmV1.procedures.SM_NULL, reply).ok;
}

export const nsmService: Target = {
  name: "NSM service",
  inputs: 10_000,
  generate(random) {
    const caller = onceIn(random, 2) ? 0 : random(CALLERS.length);
    return Uint8Array.of(caller, ...mutated(nsmCall(random), random));
  },
  open: () => new Service(),
};
