/**
 * Damage in the state directory before a start: the start succeeds; damaged files are skipped or
 * set aside with one log line that has file and reason; everything else works.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { listed, ManyPeers } from "../support/many_peers_client.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { mon, notify, PRIV, stat, unmon } from "../support/nsm_calls.ts";
import { ask, READY, startStatd } from "../support/statd.ts";
import { OUR_SM_NOTIFY, OUR_STATD, systemTest } from "../support/system_test.ts";

const LINE = `0100007f 000186b5 00000003 00000010 ${PRIV}`;
const GOOD = "10.99.9.9";
const DONE = /^SUCCESS 00000000 /;
const REFUSED = "SUCCESS 00000001 ffffffff";

/** Prepares a state directory by a shell script, in which `$L` is the beginning of a record. */
async function prepare(host: TestHost, script: string): Promise<void> {
  const good = `echo "$L ${GOOD} us" >sm/${GOOD}; chown --reference=sm sm/${GOOD}`;
  await host.output("sh", "-c", `set -e; L='${LINE}'; cd ${STATE_DIRECTORY}; ${good}; ${script}`);
}

/** Damaged file of the monitor list, and the result of a start. */
interface Damaged {
  readonly does: string;
  readonly name: string;
  readonly make: string;
  /** Log line, behind the path. */
  readonly log: string;
  /** Whether an SM_MON of its name succeeds. */
  readonly canBeMonitored: boolean;
}

const IN_LIST: readonly Damaged[] = [
  { does: "empty", name: "empty", make: ": >", log: "it is empty", canBeMonitored: true },
  {
    does: "binary",
    name: "binary",
    make: "head -c 500 /dev/urandom | tr '\\n' x >",
    log: "no line in it is a record",
    canBeMonitored: true,
  },
  {
    does: "a truncated record",
    name: "short",
    make: 'printf %.50s "$L" >',
    log: "no line in it is a record",
    canBeMonitored: true,
  },
  {
    does: "zeros, as a disk leaves them after a power cut",
    name: "zeros",
    make: "head -c 82 /dev/zero >",
    log: "it is empty",
    canBeMonitored: true,
  },
  {
    does: "one long line",
    name: "long",
    make: "head -c 100000 /dev/zero | tr '\\0' a >",
    log: "no line in it is a record",
    canBeMonitored: true,
  },
  {
    does: "very long",
    name: "huge",
    make: "head -c 5000000 /dev/zero >",
    log: "it is longer than",
    canBeMonitored: false,
  },
  {
    does: "a directory",
    name: "folder",
    make: "mkdir",
    log: "it is a directory",
    canBeMonitored: false,
  },
  {
    does: "a symbolic link",
    name: "link",
    make: "ln -s /run/victim",
    log: "it is a symbolic link",
    canBeMonitored: false,
  },
  {
    does: "a dangling link",
    name: "dangling",
    make: "ln -s /nowhere",
    log: "it is a symbolic link",
    canBeMonitored: false,
  },
  {
    does: "a pipe",
    name: "pipe",
    make: "mkfifo",
    log: "it is a special file",
    canBeMonitored: false,
  },
];

systemTest("a start skips each damaged file of the list", [OUR_STATD], async (newHost) => {
  const host = await newHost();
  const agent = new Agent(host);
  await host.startRpcbind();
  await agent.serve();
  await host.write("/run/victim", `${LINE} victim us\n`);
  const making = IN_LIST.map(({ make, name }) =>
    `${make} sm/${name}; chown -h --reference=sm sm/${name}`
  );
  const foreign = `echo "$L foreign us" >sm/foreign; chmod 600 sm/foreign`;
  const half = `(echo "$L half us"; printf 'no record') >sm/half; chown --reference=sm sm/half`;
  const left = `echo "$L left us" >sm/.99.0.new; touch -d '1 hour ago' sm/.99.0.new`;
  await prepare(host, [...making, foreign, half, left].join("\n"));
  const statd = await startStatd(host);
  for (const { name, log } of IN_LIST) {
    const lines = statd.lines.filter((line) => line.includes(`/sm/${name}"`));
    assertEquals(lines.length, 1, lines.join("\n"));
    assertMatch(lines[0]!, new RegExp(`Skipping .*${log}`));
  }
  await statd.line(/Skipping .*foreign.*Permission denied/);
  await statd.line(/Skipping 1 line of .*half.*not a record/);
  await statd.line(/Removed .*99\.0\.new.*not completely written/);

  // Readable records are served.
  for (const peer of [GOOD, "half"]) assertEquals(await ask(agent, notify(peer, 5)), "SUCCESS");
  await agent.called(2);
  for (const { name, canBeMonitored } of IN_LIST) {
    const reply = await ask(agent, mon({ monName: name }));
    if (canBeMonitored) assertMatch(reply, DONE, name);
    else assertEquals(reply, REFUSED, name);
  }
  assertMatch(await ask(agent, mon({ monName: "half", myName: "second" })), DONE);
  const files = (name: string) => Deno.readTextFileSync(host.path(`${STATE_DIRECTORY}/sm/${name}`));
  assertEquals(files("half"), `${LINE} half us\nno record\n${LINE} half second\n`);
  assertEquals(Deno.readTextFileSync(host.path("/run/victim")), `${LINE} victim us\n`);
  assertMatch(await ask(agent, unmon({ monName: "empty" })), /^SUCCESS/);

  // Records that become readable are monitored then.
  await host.output("chown", `--reference=${STATE_DIRECTORY}/sm`, `${STATE_DIRECTORY}/sm/foreign`);
  await statd.line(/Read .*of records that could not be read at the start/);
  assertEquals(await ask(agent, notify("foreign", 5)), "SUCCESS");
  await agent.called(3);
  assertEquals(await statd.stop(), 0);

  // The next life reads what this one wrote to damaged files.
  const next = await startStatd(host);
  await ask(agent, notify("zeros", 7));
  await agent.called(4);
  assertEquals(await next.stop(), 0);
});

systemTest(
  "sm-notify skips each damaged file of the notify list",
  [OUR_SM_NOTIFY],
  async (newHost) => {
    const host = await newHost();
    const peers = new ManyPeers(host);
    await peers.ready();
    await host.write("/run/victim", `${LINE} victim us\n`);
    const making = IN_LIST.map(({ make, name }) =>
      `${make} sm.bak/${name}; chown -h --reference=sm sm.bak/${name}`
    );
    const foreign = `echo "$L foreign us" >sm.bak/foreign; chmod 600 sm.bak/foreign`;
    const good = `echo "$L 127.1.0.1 us" >sm.bak/127.1.0.1; rm sm/${GOOD}`;
    const half = `(echo "$L 127.1.0.2 us"; printf 'no record') >sm.bak/127.1.0.2`;
    const own = `chown --reference=sm sm.bak/127.*`;
    await prepare(host, [...making, foreign, good, half, own].join("\n"));
    const { code, stderr } = await host.run(OUR_SM_NOTIFY, "-d");
    // An unreadable file may be a peer that is not told.
    assertEquals(code, 1, stderr);
    for (const { name, log } of IN_LIST) {
      const lines = stderr.split("\n").filter((line) => line.includes(`/sm.bak/${name}"`));
      assertEquals(lines.length, 1, stderr);
      assertMatch(lines[0]!, new RegExp(`Skipping .*${log}`));
    }
    assertMatch(stderr, /Skipping .*foreign.*Permission denied/);
    assertMatch(stderr, /Skipping 1 line of .*127\.1\.0\.2.*not a record/);
    const told = await peers.report();
    assertEquals([...told.keys()].sort(), ["127.1.0.1", "127.1.0.2"]);
    const left = [...IN_LIST.map(({ name }) => name), "foreign", "127.1.0.2"];
    assertEquals(listed(host, "sm.bak").sort(), left.sort());
    const rest = host.path(`${STATE_DIRECTORY}/sm.bak/127.1.0.2`);
    assertEquals(Deno.readTextFileSync(rest), "no record");
    assertEquals(Deno.readTextFileSync(host.path("/run/victim")), `${LINE} victim us\n`);
  },
);

/** Damage of other files than those in the list. */
const BESIDES: readonly {
  readonly does: string;
  readonly make: string;
  readonly log: RegExp;
  readonly state: string;
}[] = [
  {
    does: "an empty state number",
    make: ": >state",
    log: /Initializing NSM state/,
    state: "00000003",
  },
  {
    does: "half a state number",
    make: "printf AA >state",
    log: /Initializing NSM state/,
    state: "00000003",
  },
  {
    does: "a long state number",
    make: "(printf '\\07\\0\\0\\0'; head -c 9999 /dev/urandom) >state",
    log: READY,
    state: "00000007",
  },
  {
    does: "a directory for a state number",
    make: "rm state; mkdir -p state/x",
    log: /Renamed .*state" to "state.damaged": it is not a regular file/,
    state: "00000003",
  },
  {
    does: "a pipe for a state number",
    make: "rm state; mkfifo state",
    log: /Renamed .*state" to "state.damaged": it is not a regular file/,
    state: "00000003",
  },
  {
    does: "a link to nowhere for a state number",
    make: "ln -sf /nowhere state",
    log: /Initializing NSM state/,
    state: "00000003",
  },
  {
    does: "a state number that the daemon may not read",
    make: "printf '\\07\\0\\0\\0' >state; chown root:root state; chmod 600 state",
    log: /Cannot read .*state": Permission denied/,
    state: "00000007",
  },
  {
    does: "a binary peer memory",
    make: "head -c 200000 /dev/urandom >sm/.peers; chown --reference=sm sm/.peers",
    log: READY,
    state: "00000003",
  },
  {
    does: "a directory for a peer memory",
    make: "mkdir sm/.peers",
    log: /Cannot read .*peers": it is not a regular file/,
    state: "00000003",
  },
  {
    does: "a peer memory of somebody else",
    make: "echo x >sm/.peers; chmod 600 sm/.peers",
    log: /Cannot read .*peers": Permission denied/,
    state: "00000003",
  },
  {
    does: "a peer memory that is a link",
    make: "ln -s /etc/passwd sm/.peers",
    log: /Cannot write .*peers": it is not a regular file/,
    state: "00000003",
  },
  {
    does: "a directory for a control socket",
    make: "mkdir -p .statd.sock/x",
    log: /Cannot open the control socket: /,
    state: "00000003",
  },
  {
    does: "a file for a control socket",
    make: "echo >.statd.sock",
    log: READY,
    state: "00000003",
  },
  {
    does: "a directory for a pid file",
    make: "mkdir -p /run/rpc.statd.pid/x",
    log: /Continuing without a pid file/,
    state: "00000003",
  },
  {
    does: "a pid file of a process that is gone",
    make: "echo 99999 >/run/rpc.statd.pid",
    log: READY,
    state: "00000003",
  },
  {
    does: "a pid file with the number of another program",
    make: "echo 1 >/run/rpc.statd.pid",
    log: READY,
    state: "00000003",
  },
  { does: "no notify list", make: "rmdir sm.bak", log: READY, state: "00000003" },
];

for (const { does, make, log, state } of BESIDES) {
  systemTest(`statd starts and serves with ${does}`, [OUR_STATD], async (newHost) => {
    const host = await newHost();
    const agent = new Agent(host);
    await host.startRpcbind();
    await agent.serve();
    await prepare(host, make);
    const statd = await startStatd(host);
    assertEquals(await ask(agent, stat("a.example")), `SUCCESS 00000000 ${state}`);
    await ask(agent, stat("a.example"));
    assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), `SUCCESS 00000000 ${state}`);
    await ask(agent, notify(GOOD, 5));
    await ask(agent, notify("10.99.9.1", 5));
    await agent.called(2);
    assertEquals(await ask(agent, unmon({ monName: "10.99.9.1" })), `SUCCESS ${state}`);
    await statd.line(log);
    assertEquals(statd.lines.filter((line) => log.test(line)).length, 1, "one line");
    assertEquals(await statd.stop(), 0);
  });
}
