/**
 * Debian's rpcbind and ours get identical calls, over UDP, TCP, both families and the UNIX socket,
 * from this host and from others, by several users and from reserved and unreserved ports. Answers
 * and refusals must be equal, except for listed intended differences with their reasons. A listed
 * difference that does not occur is an error, too.
 */

import { DENO_RUN } from "../support/deno_run.ts";
import { assertEquals } from "@std/assert";
import type { TestHost } from "../support/namespace.ts";
import { DEBIAN_RPCBIND, type NewHost, OUR_RPCBIND, systemTest } from "../support/system_test.ts";

const PROBER = new URL("../support/rpcbind_prober.ts", import.meta.url).pathname;

/** A reason, and its observations: call, Debian's answer, our answer. */
interface Difference {
  readonly reason: string;
  readonly call: RegExp;
  readonly debian: RegExp;
  readonly ours: RegExp;
  /** True if only some versions of libtirpc behave so. */
  readonly isRare?: boolean;
}

const TOO_WEAK = /"kind":"denied".*authentication status 5/;

const DIFFERENCES: readonly Difference[] = [
  {
    reason:
      "Other hosts get no list: it tells an attacker what there is, and over UDP it amplifies.",
    call: /stranger: v\d \w+_DUMP/,
    debian: /^\[/,
    ours: TOO_WEAK,
  },
  {
    reason: "Nor the statistics, for the same reasons; Debian's do not fit into a datagram.",
    call: /stranger: v4 RPCBPROC_GETSTAT/,
    debian: /^\[|"kind":"accepted","stat":5/,
    ours: TOO_WEAK,
  },
  {
    reason: "A service that listens at one address is not at another one.",
    call: /GET(VERS)?ADDR(LIST)? \{"r_prog":300003/,
    debian: /"127\.0\.0\.1\.8\.8"/,
    ours: /"10\.9\.0\.1\.8\.8"/,
  },
  {
    reason:
      "The same: what is at loopback alone is not at the address of a network, or vice versa.",
    call: /GET(VERS)?ADDR(LIST)? \{"r_prog":502/,
    debian: /"(127\.0\.0\.1|::1|fd99::1)\.8\.2"/,
    ours: /"(192\.0\.2\.1|::1|fd99::1|::ffff:10\.9\.0\.1)\.8\.2"/,
  },
  {
    reason: "Where no address is registered there is no port, also if two numbers are in the text.",
    call: /GETPORT \{"prog":503/,
    debian: /^\d+$/,
    ours: /^0$/,
  },
  {
    reason: "The same for the list of version 2.",
    call: /^unix: v2 PMAPPROC_DUMP/,
    debian: /"prog":50300.*"port":65537/,
    ours: /^\[(?!.*"prog":5030)/,
  },
  {
    reason: "256 is no part of a port: the text is passed on as it is.",
    call: /GET(VERS)?ADDR(LIST)? \{"r_prog":503003/,
    debian: /"127\.0\.0\.1\.0\.1"/,
    ours: /^("0\.0\.0\.0\.256\.1"|\[\])$/,
  },
  {
    reason:
      "An entry with a netid that is not served is left out; Debian's keeps silent about all.",
    call: /GETADDRLIST \{"r_prog":501/,
    debian: /^silence$/,
    ours: /^\[\]$/,
  },
  {
    reason:
      "An address of IPv6 is none of IPv4, whatever its bytes are where those of IPv4 would be.",
    call: /(udp|tcp)( stranger)?: v\d RPCBPROC_TADDR2UADDR 0a/,
    debian: /^"0\.0\.0\.0\.0\.111"$/,
    ours: /^""$/,
  },
  {
    reason: "An address of another family is none of a path, as libtirpc 1.3.6 reads it.",
    call: /unix: v\d RPCBPROC_TADDR2UADDR 0[2a]00/,
    debian: /^"@o/,
    ours: /^""$/,
    isRare: true,
  },
  {
    reason: "Calls are not forwarded; Debian's, without -r, refuses RPCBPROC_INDIRECT by an error.",
    call: /udp6?( stranger)?: v4 procedure 10 of 100000/,
    debian: /"kind":"accepted"/,
    ours: /^silence$/,
  },
];

const OPTIONS = {
  addresses: ["10.9.0.1/24", "fd99::1/64"],
  strangers: ["10.98.0.0/24", "fd98::/64"],
};

/** Starts an rpcbind on a new host. */
async function start(newHost: NewHost, program: string): Promise<TestHost> {
  const host = await newHost(OPTIONS);
  await host.startRpcbind(program, "-w");
  return host;
}

async function probed(host: TestHost): Promise<string[]> {
  const output = await host.output(...DENO_RUN, PROBER);
  return output.trimEnd().split("\n");
}

systemTest("rpcbind answers and refuses as Debian's", [DEBIAN_RPCBIND, OUR_RPCBIND], async (
  newHost,
) => {
  const [debian, ours] = await Promise.all(
    [DEBIAN_RPCBIND, OUR_RPCBIND].map(async (program) => probed(await start(newHost, program))),
  );
  const seen = new Set<Difference>();
  const unlisted: string[][] = [];
  for (const [i, line] of debian!.entries()) {
    const [call = "", answer = ""] = line.split("\t");
    const [ourCall, ourAnswer = ""] = ours![i]!.split("\t");
    assertEquals(ourCall, call);
    if (answer === ourAnswer) continue;
    const listed = DIFFERENCES.find((one) =>
      one.call.test(call) && one.debian.test(answer) && one.ours.test(ourAnswer)
    );
    if (listed === undefined) unlisted.push([call, answer, ourAnswer]);
    else seen.add(listed);
  }
  assertEquals(unlisted, []);
  assertEquals(
    DIFFERENCES.filter((one) => !one.isRare && !seen.has(one)).map(({ reason }) => reason),
    [],
  );
});

/** Commands of libtirpc's program: output and status must be equal on both hosts. */
const COMMANDS: readonly (readonly string[])[] = [
  ["-p"],
  ["-p", "127.0.0.1"],
  ["-s"],
  ["-s", "127.0.0.1"],
  [],
  ["127.0.0.1"],
  ["-l", "127.0.0.1", "100000", "4"],
  ["-l", "::1", "100000", "4"],
  ["-u", "127.0.0.1", "100000"],
  ["-t", "127.0.0.1", "100000"],
  ["-u", "127.0.0.1", "300001", "1"],
  ["-T", "udp", "127.0.0.1", "100000", "4"],
  ["-T", "tcp6", "::1", "100000", "3"],
  ["-T", "local", "localhost", "100000", "3"],
  ["-a", "127.0.0.1.0.111", "-T", "udp", "100000", "2"],
  ["-d", "100000", "4"],
  ["-p"],
  ["-d", "100000", "4"],
  ["-p", "10.9.0.1"],
  ["-m"],
  ["-m", "127.0.0.1"],
];

systemTest("rpcinfo prints equal output for our rpcbind and Debian's", [
  DEBIAN_RPCBIND,
  OUR_RPCBIND,
  "/usr/sbin/rpcinfo",
], async (newHost) => {
  const [debian, ours] = await Promise.all(
    [DEBIAN_RPCBIND, OUR_RPCBIND].map((program) => start(newHost, program)),
  );
  for (const command of COMMANDS) {
    const [expected, actual] = await Promise.all(
      [debian!, ours!].map((host) => host.run("rpcinfo", ...command)),
    );
    assertEquals([command, actual], [command, expected]);
  }
});
