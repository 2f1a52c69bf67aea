/**
 * Replies to our own calls: a result has its type, or the call fails with an RpcError. The first
 * byte selects the call, the rest is the reply's datagram.
 */

import { assert, assertEquals } from "@std/assert";
import { findPort } from "../../../lib/nsm/port_lookup.ts";
import type { CallPeer } from "../../../lib/nsm/ports.ts";
import { nlmCallback } from "../../../lib/protocol/nlm.ts";
import { nsmV1 } from "../../../lib/protocol/nsm.ts";
import { portmapV2 } from "../../../lib/protocol/portmap.ts";
import { rpcbindV4 } from "../../../lib/protocol/rpcbind.ts";
import { DatagramClient } from "../../../lib/rpc/datagram_client.ts";
import { RpcError } from "../../../lib/rpc/errors.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { FakeDatagramSocket } from "../../support/fake_sockets.ts";
import { reply } from "../messages.ts";
import { onceIn, type Subject, type Target } from "../target.ts";
import { mutated } from "../wire.ts";

/** xid of every call. */
const XID = 0x5eed;
const TIMEOUT_MS = 1_000;
const MESSAGE_MAX = 1_300;
const PEER = { address: "192.0.2.1", port: 111 };

const mapping = { prog: 100024, vers: 1, prot: 17, port: 0 };
const rpcb = { r_prog: 100024, r_vers: 1, r_netid: "udp", r_addr: "", r_owner: "" };
const status = { mon_name: "nodeb", state: 5, priv: new Uint8Array(16) };

/** A call, the generator of its result (see RESULTS), and the check of its result. */
interface Case {
  readonly result: number;
  call(client: DatagramClient): Promise<unknown>;
  isPossible(result: unknown): boolean;
}

const isNothing = (result: unknown) => result === undefined;
const isUint = (result: unknown) => Number.isInteger(result) && (result as number) >= 0;
const isPort = (result: unknown) => result === undefined || isUint(result);

/** Client with a single attempt; only the first call gets the reply. */
const through = (client: DatagramClient): CallPeer => ({
  call: (program, name, args, to, _transport, timeoutMs) =>
    client.call(program, name, args, to, timeoutMs),
});
const wanted = { program: 100024, version: 1, transport: "udp" } as const;

const CASES: readonly Case[] = [
  {
    result: 0,
    call: (client) =>
      client.call(nsmV1, "SM_NOTIFY", { mon_name: "n", state: 3 }, PEER, TIMEOUT_MS),
    isPossible: isNothing,
  },
  {
    result: 0,
    call: (client) =>
      client.call(nlmCallback(100021, 3, 16), "NLM_SM_NOTIFY", status, PEER, TIMEOUT_MS),
    isPossible: isNothing,
  },
  {
    result: 1,
    call: (client) => client.call(nsmV1, "SM_STAT", { mon_name: "n" }, PEER, TIMEOUT_MS),
    isPossible: (result) => [0, 1].includes((result as { res_stat: number }).res_stat),
  },
  {
    result: 3,
    call: (client) => client.call(portmapV2, "PMAPPROC_GETPORT", mapping, PEER, TIMEOUT_MS),
    isPossible: isUint,
  },
  {
    result: 4,
    call: (client) => client.call(portmapV2, "PMAPPROC_SET", mapping, PEER, TIMEOUT_MS),
    isPossible: (result) => typeof result === "boolean",
  },
  {
    result: 5,
    call: (client) => client.call(rpcbindV4, "RPCBPROC_GETADDR", rpcb, PEER, TIMEOUT_MS),
    isPossible: (result) => typeof result === "string" && result.length <= 1024,
  },
  {
    result: 3,
    call: (client) => findPort(through(client), wanted, PEER.address, TIMEOUT_MS),
    isPossible: (port) => isPort(port) && (port === undefined || port as number <= 65535),
  },
  {
    result: 5,
    call: (client) => findPort(through(client), wanted, "2001:db8::1", TIMEOUT_MS),
    isPossible: (port) => isPort(port) && (port === undefined || port as number <= 65535),
  },
];

function open(): Subject {
  const clock = new FakeClock();
  const socket = new FakeDatagramSocket();
  const parts = { startTimer: clock.startTimer, randomXid: () => XID };
  const client = new DatagramClient(socket, parts);
  return {
    async run(input) {
      if (input.length === 0) return;
      const { call, isPossible } = CASES[input[0]! % CASES.length]!;
      const ended = call(client).then(
        (result) => assert(isPossible(result), `result ${JSON.stringify(result)}`),
        (error) => {
          assert(error instanceof RpcError, `${error}`);
          const { message } = error;
          assert(message.length < MESSAGE_MAX && !/[^ -~…]/.test(message), message);
        },
      );
      const { to } = socket.sent.pop()!;
      socket.arrive(input.subarray(1), to);
      // After a second call, or an invalid reply, the timeout has to pass.
      let isEnded = false;
      ended.finally(() => isEnded = true).catch(() => {});
      for (let turns = 0; !isEnded; turns++) {
        await null;
        if (turns % 16 === 15) clock.advance(TIMEOUT_MS);
      }
      await ended;
      assertEquals(clock.pending, 0, "a call is still outstanding");
      socket.sent.length = 0;
    },
  };
}

export const replies: Target = {
  name: "replies",
  inputs: 8_000,
  generate(random) {
    const index = random(CASES.length);
    const xid = onceIn(random, 20) ? random(2 ** 32) : XID;
    return Uint8Array.of(index, ...mutated(reply(random, xid, CASES[index]!.result), random));
  },
  open,
};
