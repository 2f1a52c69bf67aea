/**
 * Probes an rpcbind from inside a test's host, with all questions in all ways, and prints a line
 * for each call with its answer. Equal output means equal behaviour.
 */

import { type Mapping, portmapV2 } from "../../lib/protocol/portmap.ts";
import { type Rpcb, rpcbindV3, rpcbindV4 } from "../../lib/protocol/rpcbind.ts";
import { type Program, program } from "../../lib/rpc/program.ts";
import { nothing } from "../../lib/xdr/types.ts";
import { ask, LOCAL, OTHERS, REGISTRANTS, STRANGERS, UNIX, type Way } from "./rpcbind_ways.ts";

function say(label: string, answer: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${label}\t${answer}\n`));
}

function rpcb(r_prog: number, r_vers: number, r_netid = "", r_addr = "", r_owner = ""): Rpcb {
  return { r_prog, r_vers, r_netid, r_addr, r_owner };
}

function mapping(prog: number, vers: number, prot: number, port = 0): Mapping {
  return { prog, vers, prot, port };
}

async function tell(
  way: Way,
  version: Program,
  name: string,
  args: unknown,
  shown = JSON.stringify(args),
): Promise<void> {
  say(
    `${way.name}: v${version.version} ${name} ${shown ?? ""}`,
    await ask(way, version, name, args),
  );
}

async function dumps(): Promise<void> {
  await tell(UNIX, portmapV2, "PMAPPROC_DUMP", undefined);
  await tell(UNIX, rpcbindV4, "RPCBPROC_DUMP", undefined);
}

/** Program with an undefined version or procedure. */
function odd(number: number, version: number, procedure: number): Program {
  return program("odd", number, version, {
    [`procedure ${procedure} of ${number}`]: {
      number: procedure,
      args: nothing,
      result: nothing,
      from: "any",
    },
  });
}

const VERSIONS = [0, 1, 2, 3, 4, 5];
const UNIVERSAL = ["127.0.0.1.0.111", "junk", "::1.0.111", "/run/x", "1.2.3.4.5", "", "a.b.c"];
const SOCKADDRS = [
  "0200006f01020304" + "0".repeat(16),
  "0a00006f00000000" + "0".repeat(30) + "01" + "00000000",
  "01002f72756e2f78",
];

/** Call for {@link tellAll}. */
type Question = readonly [way: Way, version: Program, name: string, args: unknown];

/** Makes calls concurrently, since many get no answer. */
async function tellAll(questions: readonly Question[]): Promise<void> {
  const answers = await Promise.all(questions.map((question) => ask(...question)));
  for (const [i, [way, version, name, args]] of questions.entries()) {
    say(`${way.name}: v${version.version} ${name} ${JSON.stringify(args) ?? ""}`, answers[i]!);
  }
}

/** Procedures that forward calls. */
function forwarding(): Question[] {
  return [...LOCAL, ...STRANGERS].flatMap((way) =>
    [[2, 5], [3, 5], [4, 5], [4, 10]].map(([v, p]) => {
      const one = odd(100_000, v!, p!);
      return [way, one, Object.keys(one.procedures)[0]!, undefined] as const;
    })
  );
}

async function procedures(): Promise<void> {
  await dumps();
  for (const way of [...LOCAL, ...STRANGERS]) {
    const strange = [
      ...VERSIONS.map((version) => odd(100_000, version, 0)),
      odd(100_024, 2, 0),
      ...[[2, 6], [3, 9], [3, 12], [4, 13], [2, 99]].map(([v, p]) => odd(100_000, v!, p!)),
    ];
    for (const one of strange) await tell(way, one, Object.keys(one.procedures)[0]!, undefined);
    await tell(way, portmapV2, "PMAPPROC_DUMP", undefined);
    await tell(way, rpcbindV3, "RPCBPROC_DUMP", undefined);
    for (const version of [rpcbindV3, rpcbindV4]) {
      const time = Number(await ask(way, version, "RPCBPROC_GETTIME", undefined));
      const isNow = Math.abs(time - Date.now() / 1000) < 60;
      say(`${way.name}: v${version.version} time`, isNow ? "now" : String(time));
      for (const text of UNIVERSAL) await tell(way, version, "RPCBPROC_UADDR2TADDR", text);
      for (const hex of SOCKADDRS) {
        const buf = Uint8Array.fromHex(hex);
        await tell(way, version, "RPCBPROC_TADDR2UADDR", { maxlen: buf.length, buf }, hex);
      }
    }
  }
}

const HINTS = ["", "10.9.0.1.0.111", "127.0.0.1.0.111", "fd99::1.0.111", "junk"];

async function lookUps(): Promise<void> {
  const SET = "RPCBPROC_SET";
  for (
    const [netid, address] of [
      ["udp", "0.0.0.0.8.1"],
      ["tcp", "0.0.0.0.8.2"],
      ["udp6", "::.8.3"],
      ["tcp6", "::.8.4"],
      ["local", "/run/x.sock"],
    ] as const
  ) {
    await tell(UNIX, rpcbindV4, SET, rpcb(300_001, 1, netid, address, "me"));
    await tell(UNIX, rpcbindV3, SET, rpcb(300_001, 3, netid, address, "me"));
  }
  await tell(UNIX, rpcbindV4, SET, rpcb(300_002, 1, "tcp", "0.0.0.0.8.7"));
  await tell(UNIX, rpcbindV4, SET, rpcb(300_003, 2, "udp", "10.9.0.1.8.8"));
  await dumps();
  for (const way of [...LOCAL, ...STRANGERS]) {
    for (const prog of [300_001, 300_002, 300_003, 300_004]) {
      for (const vers of [1, 2]) {
        for (const prot of [17, 6, 5]) {
          await tell(way, portmapV2, "PMAPPROC_GETPORT", mapping(prog, vers, prot));
        }
        for (const hint of HINTS) {
          const asked = rpcb(prog, vers, hint === "" ? "udp6" : "", hint);
          await tell(way, rpcbindV3, "RPCBPROC_GETADDR", asked);
          await tell(way, rpcbindV4, "RPCBPROC_GETADDR", asked);
          await tell(way, rpcbindV4, "RPCBPROC_GETVERSADDR", asked);
          await tell(way, rpcbindV4, "RPCBPROC_GETADDRLIST", asked);
        }
      }
    }
  }
  for (const prog of [300_001, 300_002, 300_003]) {
    for (const vers of [1, 2, 3]) await tell(UNIX, rpcbindV4, "RPCBPROC_UNSET", rpcb(prog, vers));
  }
  await dumps();
}

async function owners(): Promise<void> {
  for (const way of REGISTRANTS) {
    const v2 = (name: string, args: Mapping) => tell(way, portmapV2, name, args);
    const v4 = (name: string, args: Rpcb) => tell(way, rpcbindV4, name, args);
    await v2("PMAPPROC_SET", mapping(400_001, 1, 17, 5555));
    await v2("PMAPPROC_SET", mapping(400_001, 1, 17, 5555));
    await v2("PMAPPROC_SET", mapping(400_001, 1, 17, 5556));
    await v2("PMAPPROC_SET", mapping(400_001, 1, 99, 5556));
    await v2("PMAPPROC_SET", mapping(400_001, 2, 6, 70_000));
    await v4("RPCBPROC_SET", rpcb(400_002, 1, "udp", "0.0.0.0.8.1", "superuser"));
    await tell(way, rpcbindV3, "RPCBPROC_SET", rpcb(400_002, 1, "UDP", "0.0.0.0.8.1"));
    await v4("RPCBPROC_SET", rpcb(400_002, 1, "udp", "0.0.0.0.8.9"));
    await v4("RPCBPROC_SET", rpcb(400_002, 1, "tcp6", "::.8.2"));
    await v4("RPCBPROC_SET", rpcb(400_003, 1, "other", "anything"));
    await v4("RPCBPROC_SET", rpcb(100_000, 4, "udp", "0.0.0.0.0.222"));
    await v4("RPCBPROC_SET", rpcb(100_000, 4, "udp", "0.0.0.0.0.111"));
    await dumps();
    for (const other of REGISTRANTS) {
      if (other.name === way.name || !OTHERS.includes(other.name)) continue;
      await tell(other, portmapV2, "PMAPPROC_UNSET", mapping(400_001, 1, 0));
      await tell(other, rpcbindV4, "RPCBPROC_UNSET", rpcb(400_003, 1));
    }
    await dumps();
    await v2("PMAPPROC_UNSET", mapping(400_001, 1, 0));
    await v4("RPCBPROC_UNSET", rpcb(400_002, 1, "tcp6"));
    await v4("RPCBPROC_UNSET", rpcb(400_002, 1));
    await v4("RPCBPROC_UNSET", rpcb(499_999, 1));
    await v2("PMAPPROC_UNSET", mapping(499_999, 1, 0));
    await dumps();
    for (const prog of [400_001, 400_002, 400_003]) {
      for (const vers of [1, 2]) await tell(UNIX, rpcbindV4, "RPCBPROC_UNSET", rpcb(prog, vers));
    }
  }
}

/** Netids that rpcbind registers without serving them. */
const ODD_NETIDS = ["", "TCP", "unix", "rawip", "tcp ", "n".repeat(200)];
/** Services at a single address, also one that this host lacks. */
const ONE_ADDRESS = [
  ["tcp", "127.0.0.1.8.2"],
  ["tcp6", "::1.8.2"],
  ["udp6", "fd99::1.8.2"],
  ["udp6", "::ffff:10.9.0.1.8.2"],
  ["udp", "192.0.2.1.8.2"],
] as const;
const NO_ADDRESSES = [
  ["udp", ""],
  ["udp", "junk"],
  ["tcp", "0.0.0.0.8"],
  ["tcp", "0.0.0.0.256.1"],
  ["tcp", "0.0.0.0.8.1.1"],
  ["udp", "::.8.1"],
  ["tcp6", "0.0.0.0.8.1"],
] as const;
/** Entries and questions that no library sends. */
const ODD_ENTRIES = [
  ...ODD_NETIDS.map((netid, i) => rpcb(501_000 + i, 1, netid, "0.0.0.0.8.1", "o".repeat(200))),
  ...ONE_ADDRESS.map(([netid, address], i) => rpcb(502_000 + i, 1, netid, address)),
  ...NO_ADDRESSES.map(([netid, address], i) => rpcb(503_000 + i, 1, netid, address)),
  rpcb(0, 0, "udp", "0.0.0.0.8.4"),
  rpcb(0xffff_ffff, 0xffff_ffff, "tcp", "0.0.0.0.0.0"),
];
const ODD_WAYS = [UNIX, LOCAL[1]!, LOCAL[4]!, STRANGERS[1]!, STRANGERS[2]!];

async function oddEntries(): Promise<void> {
  for (const entry of ODD_ENTRIES) await tell(UNIX, rpcbindV3, "RPCBPROC_SET", entry);
  for (const [prot, port] of [[0, 1], [17, 0], [6, 65_536], [6, 65_535], [1, 7]] as const) {
    await tell(UNIX, portmapV2, "PMAPPROC_SET", mapping(500_005, prot, prot, port));
  }
  await dumps();
  for (const way of ODD_WAYS) {
    for (const { r_prog, r_vers, r_netid } of ODD_ENTRIES) {
      for (const prot of [6, 17]) {
        await tell(way, portmapV2, "PMAPPROC_GETPORT", mapping(r_prog, r_vers, prot));
      }
      const asked = rpcb(r_prog, r_vers, r_netid);
      await tell(way, rpcbindV3, "RPCBPROC_GETADDR", asked);
      await tell(way, rpcbindV4, "RPCBPROC_GETVERSADDR", asked);
    }
  }
  const lists = ODD_WAYS.flatMap((way) =>
    ODD_ENTRIES.map(({ r_prog, r_vers }) =>
      [way, rpcbindV4, "RPCBPROC_GETADDRLIST", rpcb(r_prog, r_vers)] as const
    )
  );
  await tellAll([...forwarding(), ...lists]);
  for (const { r_prog, r_vers, r_netid } of ODD_ENTRIES) {
    await tell(UNIX, rpcbindV3, "RPCBPROC_UNSET", rpcb(r_prog, r_vers, r_netid));
  }
  for (const vers of [0, 1, 6, 17]) {
    await tell(UNIX, portmapV2, "PMAPPROC_UNSET", mapping(500_005, vers, 0));
  }
  await dumps();
}

if (import.meta.main) {
  await tell(UNIX, rpcbindV4, "RPCBPROC_GETSTAT", undefined);
  await procedures();
  await lookUps();
  await owners();
  for (const way of [UNIX, ...STRANGERS]) await tell(way, rpcbindV4, "RPCBPROC_GETSTAT", undefined);
  await oddEntries();
}
