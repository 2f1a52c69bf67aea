import { assertEquals } from "@std/assert";
import type { CallPeer } from "../../lib/nsm/ports.ts";
import { Entries } from "../../lib/rpcbind/entries.ts";
import { watchServices } from "../../lib/rpcbind/silent_services.ts";
import { TransportError } from "../../lib/rpc/transport.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;

function entry(r_prog: number, r_netid: string, r_addr: string) {
  return { r_prog, r_vers: 1, r_netid, r_addr, r_owner: "superuser" };
}

Deno.test(
  "a service that falls silent is logged once, stays registered, and is logged when it is back",
  pure,
  async () => {
    const entries = new Entries([
      entry(100_000, "udp", "0.0.0.0.0.111"),
      entry(1, "udp", "0.0.0.0.8.1"),
      entry(2, "tcp6", "::.8.2"),
      entry(3, "udp", "192.0.2.1.8.3"),
      entry(4, "local", "/run/x"),
    ], () => {});
    const called: string[] = [];
    let isThere = true;
    const call = (
      program: { number: number },
      _: string,
      _args: unknown,
      to: { address: string },
    ) => {
      called.push(`${program.number} ${to.address}`);
      if (program.number === 2 && !isThere) {
        return Promise.reject(new TransportError("connect to", "x", "refused"));
      }
      return Promise.resolve();
    };
    const stopping = new AbortController();
    const log = new RecordingLog();
    let round = 0;
    const startTimer = (_ms: number, action: () => void) => {
      isThere = ![1, 2].includes(round);
      if (round++ === 4) queueMicrotask(() => stopping.abort());
      else queueMicrotask(action);
      return () => {};
    };
    const callPeer = { call } as unknown as CallPeer;
    await watchServices({ entries, callPeer, clock: { startTimer }, log }, stopping.signal);
    assertEquals(called.slice(0, 2), ["1 127.0.0.1", "2 ::1"], "neither rpcbind nor other hosts");
    assertEquals(log.of("notice"), [
      'notice: Does not answer, and stays registered until its owner removes it: program 2 version 1 at "tcp6" "::.8.2"',
      'notice: Answers again: program 2 version 1 at "tcp6" "::.8.2"',
    ]);
    assertEquals(entries.all.length, 5);
  },
);
