/** How often a program that goes to the background starts the runtime. */

import { assertEquals } from "@std/assert";
import { ManyPeers, monitor, peerAddresses } from "../support/many_peers_client.ts";
import type { TestHost } from "../support/namespace.ts";
import { eventually } from "../support/patience.ts";
import { PYTHON, withholdingMemory } from "../support/refused_calls.ts";
import { registrations } from "../support/statd.ts";
import {
  OUR_RPCBIND,
  OUR_SM_NOTIFY,
  OUR_START_STATD,
  OUR_STATD,
  systemTest,
} from "../support/system_test.ts";

const STRACE = "/usr/bin/strace";
const RPCINFO = "/usr/sbin/rpcinfo";
const TRACE = "/run/trace";
const PEERS = peerAddresses("127.1", 2);

/** Whether the program in the background works. */
type Works = () => Promise<boolean>;

async function statdOn(host: TestHost): Promise<Works> {
  await host.startRpcbind();
  return async () => (await registrations(host)).length > 0;
}

async function peersOn(host: TestHost): Promise<Works> {
  const peers = new ManyPeers(host);
  await peers.ready();
  monitor(host, PEERS);
  return async () => (await peers.count()).told === PEERS.length;
}

function rpcbindOn(host: TestHost): Promise<Works> {
  return Promise.resolve(async () => (await host.run(RPCINFO)).code === 0);
}

const PROGRAMS: readonly [command: string[], set: (host: TestHost) => Promise<Works>][] = [
  [[OUR_START_STATD], statdOn],
  [[OUR_STATD, "--no-notify"], statdOn],
  [[OUR_SM_NOTIFY], peersOn],
  [[OUR_RPCBIND], rpcbindOn],
];

/** Starts of our programs in a trace. */
function startsIn(trace: string): string[] {
  const ours = /execve\("[^"]*\/(?:start-statd|rpc\.statd|sm-notify|rpcbind)".* = 0/;
  return trace.split("\n").filter((line) => ours.test(line));
}

for (const [command, set] of PROGRAMS) {
  const [program] = command;
  const name = program!.slice(program!.lastIndexOf("/") + 1);
  for (
    const [memory, under, starts] of [
      ["", [], 1],
      [" where it can give its child no memory", withholdingMemory(), 2],
    ] as const
  ) {
    systemTest(
      `issue 20: ${name}, going to the background${memory}, starts ${
        starts === 1 ? "once" : "anew"
      }`,
      [program!, STRACE, RPCINFO, PYTHON],
      async (newHost) => {
        const host = await newHost();
        const works = await set(host);
        const traced = ["-f", "-qq", "-e", "trace=execve", "-o", TRACE];
        host.start(STRACE, ...traced, ...under, ...command);
        await eventually(`${name} works`, works);
        const found = startsIn(await host.output("cat", TRACE));
        assertEquals(found.length, starts, found.join("\n"));
      },
    );
  }
}
