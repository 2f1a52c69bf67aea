/** Every command of nsmctl, with and without the compiled daemon. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import project from "../../deno.json" with { type: "json" };
import schema from "../../conf/nsmctl.schema.json" with { type: "json" };
import { COMMANDS } from "../../lib/commands/nsmctl.ts";
import { COMPLETED_PROGRAMS } from "../../lib/nsmctl/program_completion.ts";
import { faultsOf, type Schema } from "../support/json_schema.ts";
import { message, mon, notify } from "../support/nsm_calls.ts";
import {
  NsmctlHost,
  OUR_FOLDER,
  OUR_NSMCTL,
  OWN_ADDRESS,
  STATD_PORT,
} from "../support/nsmctl_host.ts";
import { eventually, inTime } from "../support/patience.ts";
import { readMetrics } from "../support/prometheus_text.ts";
import { OUR_SM_NOTIFY, OUR_STATD, systemTest } from "../support/system_test.ts";
import { pathOf, SCRIPT, TAB, TypedShell } from "../support/typed_shell.ts";

const NEEDS = [OUR_NSMCTL, OUR_STATD];
const STATE = "/var/lib/nfs";
const STATD = { address: "127.0.0.1", port: STATD_PORT };
const PEER = "10.99.0.9";

/** Declares a test on a healthy host without statd. */
function nsmctlTest(
  name: string,
  body: (host: NsmctlHost) => Promise<void>,
  ...needs: string[]
): void {
  systemTest(`nsmctl ${name}`, [...NEEDS, ...needs], async (newHost) => {
    await using resources = new AsyncDisposableStack();
    const hosts = ["10.99.0.9 peer.example.net peer"];
    await body(await NsmctlHost.create(newHost, resources, { hosts }));
  });
}

/** Output, checked against the schema of a command. */
function checked<T>(stdout: string, definition: string): T {
  const value = JSON.parse(stdout);
  assertEquals(faultsOf(value, { $ref: `#/$defs/${definition}` }, schema as Schema), []);
  return value;
}

interface List {
  readonly daemon: boolean;
  readonly peers: readonly {
    readonly monName: string;
    readonly monitored: boolean;
    readonly toBeNotified: boolean;
    readonly lastState?: number;
    readonly addresses: readonly string[];
    readonly requests: readonly { readonly myName: string }[];
  }[];
}

async function listed({ run }: NsmctlHost, ...args: string[]): Promise<List> {
  const { code, stdout, stderr } = await run("list", "--json", ...args);
  assertEquals([code, stderr], [0, ""]);
  return checked<List>(stdout, "list");
}

nsmctlTest("list is equal with and without the daemon", async (host) => {
  await host.putRecord("sm", PEER);
  await host.putRecord("sm", "peer");
  await host.putRecord("sm.bak", "peer");
  const flags = ({ peers }: List) =>
    peers.map((it) => [it.monName, it.monitored, it.toBeNotified, it.requests[0]!.myName]);
  const expected = [[PEER, true, false, "me.example.net"], ["peer", true, true, "me.example.net"]];
  const before = await listed(host);
  assertEquals([flags(before), before.daemon], [expected, false]);
  const { stderr } = await host.run("list");
  assertStringIncludes(stderr, "no daemon serves this state directory");

  await host.startStatd();
  await eventually(
    "the addresses are known",
    async () => (await listed(host)).peers.every(({ addresses }) => addresses.includes(PEER)),
  );
  const during = await listed(host);
  assertEquals([flags(during), during.daemon], [expected, true]);
  await eventually(
    "both are found by the official name",
    async () => (await listed(host, "p*")).peers.length === 2,
  );
  assertEquals((await host.run("list", "nobody")).code, 1);
  assertEquals((await host.run("list", "a", "b")).code, 2);
});

nsmctlTest("list shows registrations and received notices", async (host) => {
  await host.startStatd();
  await host.agent.datagram(message(mon({ monName: PEER })), STATD);
  await host.agent.datagram(message(notify(PEER, 7)), STATD);
  await eventually(
    "the notice and the peer's official name are shown",
    async () => {
      const [peer] = (await listed(host)).peers;
      return peer?.lastState === 7 && JSON.stringify(peer).includes("peer.example.net");
    },
  );
  assertMatch(
    (await host.run("list")).stdout,
    /^M +10\.99\.0\.9 .* \d+ s +peer\.example\.net +\d+ s\n$/m,
  );
});

nsmctlTest("status is a health check", async (host) => {
  const stopped = await host.run("status", "--json");
  assertEquals(stopped.code, 3);
  checked(stopped.stdout, "status");
  assertEquals(await host.run("status", "--quiet"), { code: 3, stdout: "", stderr: "" });

  await host.startStatd();
  await host.agent.datagram(message(mon({ monName: PEER })), STATD);
  const running = await host.run("status", "--json");
  assertEquals([running.code, running.stderr], [0, ""]);
  const report = checked<Record<string, unknown>>(running.stdout, "status");
  assertEquals([report["peers"], report["registrations"]], [1, 1]);
  assertEquals((report["counters"] as Record<string, number>)["calls_mon"], 1);
  assertMatch((await host.run("status")).stdout, /^Health +good$/m);
  assertEquals(await host.run("status", "--quiet"), { code: 0, stdout: "", stderr: "" });

  await host.host.output("pkill", "-x", "rpcbind");
  await host.statd!.line(/Not registered with rpcbind/);
  assertEquals((await host.run("status", "-q")).code, 1);
  assertMatch((await host.run("status")).stdout, /^Health +failed: not registered/m);
});

nsmctlTest("status and metrics tell which limits were reached", async ({ host, agent, run }) => {
  const conf = `[statd]\nport=${STATD_PORT}\nmetrics=127.0.0.1:9199\n`;
  await host.write("/etc/nfs.conf", conf);
  await host.output(OUR_STATD, "--no-notify"); // in the foreground, a stopped program would stop nsenter too
  assertMatch((await run("status")).stdout, /^Limits reached +none$/m);

  await agent.stream([Uint8Array.of(0x80, 0xff, 0xff, 0xff)], 0, STATD);
  // A source other than loopback may send 32 notices at once.
  const connect = `exec {fd}<>/dev/tcp/${OWN_ADDRESS}/${STATD_PORT}`;
  const crowd = host.start("bash", "-c", `for i in {1..40}; do ${connect}; done; echo all; read`);
  await crowd.line(/all/);
  await host.output("sh", "-c", "kill -STOP $(cat /run/rpc.statd.pid)");
  const flood = `dd if=/dev/zero bs=60000 count=400 >/dev/udp/127.0.0.1/${STATD_PORT}`;
  await host.output("bash", "-c", flood);
  await host.output("sh", "-c", "kill -CONT $(cat /run/rpc.statd.pid)");

  const counted = async () => {
    const { counters } = checked<{ counters: Record<string, number> }>(
      (await run("status", "--json")).stdout,
      "status",
    );
    return [counters["connections_refused_source"], counters["records_refused"]];
  };
  await eventually("all are counted", async () => String(await counted()) === "8,1");
  const { code, stdout } = await run("status");
  const [, dropped] =
    /^Limits reached +(\d+) datagrams dropped by the kernel, 8 TCP connections of one source refused, 1 overlong TCP calls refused$/m
      .exec(stdout) ?? [];
  assert(Number(dropped) > 0, stdout);
  assertEquals(code, 0);
  const metrics = readMetrics(await host.output("curl", "-sS", "http://127.0.0.1:9199/metrics"));
  const metric = (name: string) => metrics.get(name)!.samples.get("");
  assertEquals(metric("nsm_datagrams_dropped_total"), Number(dropped));
  assertEquals(metric("nsm_connections_refused_source_total"), 8);
  assertEquals(metric("nsm_records_refused_total"), 1);
});

nsmctlTest("check prints the format of Nagios", async (host) => {
  const line = async (code: number, pattern: RegExp, ...command: string[]) => {
    const ended = await host.host.run(...command, OUR_NSMCTL, "check", "--timeout=1");
    assertEquals([ended.code, ended.stderr], [code, ""]);
    assertMatch(ended.stdout, pattern);
  };
  await line(2, /^NSM CRITICAL - no daemon serves \/var\/lib\/nfs\n$/);
  await host.host.output(OUR_STATD, "--no-notify"); // in the foreground, a stopped program would stop nsenter too
  await line(0, /^NSM OK - 0 monitored, registered with rpcbind, state \d+ \| peers=0 .*\n$/);
  await line(3, /^NSM UNKNOWN - .*\n$/, "setpriv", "--reuid=65534", "--clear-groups");
  await host.putRecord("sm.bak", "old.example.net");
  await line(1, /^NSM WARNING - 1 peer not told .* \| .*to_be_notified=1 .*\n$/);
  const pid = (await host.host.output("cat", "/run/rpc.statd.pid")).trim();
  await host.host.output("kill", "-STOP", pid);
  try {
    await line(2, new RegExp(`^NSM CRITICAL - rpc\\.statd \\(pid ${pid}\\) has not answered`));
  } finally {
    await host.host.output("kill", "-CONT", pid);
  }
  await host.host.output("pkill", "-x", "rpcbind");
  await eventually(
    "it is critical",
    async () => /^NSM CRITICAL - not registered: /.test((await host.run("check")).stdout),
  );
});

nsmctlTest(
  "D8, D10, D11: health reflects the present rpcbind, lockd and sm-notify",
  async (host) => {
    await host.startStatd();
    const health = async () => {
      const { code, stdout } = await host.run("status", "--json");
      const { health, faults } = checked<{ health: string; faults: string[] }>(stdout, "status");
      return `${code} ${health} ${faults.join("; ")}`;
    };
    assertEquals(await health(), "0 good ");
    await host.host.output("rpcinfo", "-d", "100024", "1");
    assertEquals(await health(), "0 good ");
    assertStringIncludes(await host.host.output("rpcinfo", "-p"), "100024");

    await host.putRecord("sm.bak", "old.example.net");
    assertEquals(
      await health(),
      "1 degraded 1 peer not told of our reboot, and no sm-notify is running",
    );
    await host.run("forget", "--yes", "old.example.net");

    await host.agent.datagram(message(mon({ monName: PEER })), STATD);
    assertEquals(await health(), "0 good ");
    for (const version of ["1", "3", "4"]) {
      await host.host.output("rpcinfo", "-d", "100021", version);
    }
    assertMatch(await health(), /^1 failed no lock manager: program 100021 version \d is not reg/);
    assertMatch((await host.run("status")).stdout, /^Health +failed: no lock manager: /m);
  },
);

nsmctlTest("D7: every command that asks the daemon reports that it hangs", async (host) => {
  // In the foreground, a stopped program would stop nsenter too.
  await host.host.output(OUR_STATD, "--no-notify");
  await host.agent.datagram(message(mon({ monName: PEER })), STATD);
  const pid = (await host.host.output("cat", "/run/rpc.statd.pid")).trim();
  await host.host.output("kill", "-STOP", pid);
  try {
    for (
      const command of [
        "status",
        "list",
        "show peer",
        "watch",
        "ports",
        "identity list",
        "forget --yes peer",
        "declare-rebooted -y peer",
      ]
    ) {
      const { code, stdout, stderr } = await host.run(...command.split(" "), "--timeout=0.5");
      assertEquals([code, stdout], [5, ""], command);
      assertEquals(
        stderr,
        `nsmctl: rpc.statd (pid ${pid}) has not answered for 0.5 s; ` +
          `a signal has stopped it: kill -CONT ${pid} resumes it\n`,
      );
    }
    assertMatch((await host.run("status")).stderr, /has not answered for 3 s;/);
    assertEquals(await host.run("status", "-q", "-t", "0.5"), { code: 5, stdout: "", stderr: "" });
    assertEquals((await host.run("status", "-t", "0")).code, 2);
  } finally {
    await host.host.output("kill", "-CONT", pid);
  }
  await eventually(
    "it is well again",
    async () => (await host.run("status", "-q")).code === 0,
  );
});

nsmctlTest("status works in a directory that only root may read", async (host) => {
  await host.startStatd();
  const socket = await host.host.output("stat", "-c", "%a %u", `${STATE}/.statd.sock`);
  assertEquals(socket, "600 0\n");
  const asNobody = ["setpriv", "--reuid=65534", "--clear-groups", OUR_NSMCTL, "status"];
  const { code, stdout, stderr } = await host.host.run(...asNobody);
  assertEquals([code, stdout], [1, ""]);
  assertMatch(
    stderr,
    /^nsmctl: Cannot connect to ".*\/\.statd\.sock": Permission denied.*; this needs root\n$/,
  );
  const quiet = await host.host.run(...asNobody, "--quiet");
  assertEquals(quiet, { code: 1, stdout: "", stderr: "" });
});

nsmctlTest("status finds the daemon behind a long path", async (host) => {
  const long = `${STATE}/${"d".repeat(120)}`;
  await host.host.output("sh", "-c", `cd ${STATE} && mkdir ${long} && cp -a sm sm.bak ${long}`);
  await host.startStatd("-P", long);
  assertEquals((await host.run("status", "-q", "-P", long)).code, 0);
  assertEquals((await host.run("status", "-q")).code, 3);
});

nsmctlTest("watch and -L print changes as they happen", async (host) => {
  await host.putRecord("sm.bak", "late");
  await host.startStatd();
  const watch = host.host.start(OUR_NSMCTL, "watch", "--json");
  const macos = host.host.start(OUR_NSMCTL, "-L");
  await watch.line(/"peers":/);
  await macos.line(/^\+ {4}N {3}late$/);
  await host.agent.datagram(message(mon({ monName: PEER })), STATD);
  checked(await watch.line(/"added"/), "change");
  await macos.line(/^\+ M {6}10\.99\.0\.9$/);
  await host.agent.datagram(message(notify(PEER, 9)), STATD);
  const heard = checked<{ state: number }>(await watch.line(/"heard"/), "change");
  assertEquals(heard.state, 9);
  assertEquals((await host.run("forget", "--yes", PEER, "late")).code, 0);
  for (const pattern of [/"gone".*10\.99\.0\.9/, /"gone".*late/]) {
    checked(await watch.line(pattern), "change");
  }
  await macos.line(/^- {4}N {3}late$/);
  await macos.line(/^#Hosts: \d -> 0$/);
  checked(watch.lines[0]!, "list");
});

nsmctlTest("-l and -N behave as on macOS", async (host) => {
  await host.putRecord("sm", PEER);
  await host.putRecord("sm.bak", PEER);
  const { code, stdout } = await host.run("-l");
  assertEquals(code, 0);
  assertMatch(stdout, /^Status DB: \/var\/lib\/nfs\nStatus DB Length: 188\nState: 0\n#Hosts: 1\n/);
  assertStringIncludes(stdout, "\n  M  N   10.99.0.9\n");
  assertEquals((await host.run("-N", "nobody")).code, 1);
  assertEquals(await host.run("-N", PEER), { code: 0, stdout: "", stderr: "" });
  assertEquals(await host.run("-N", PEER), { code: 0, stdout: "", stderr: "" });
  assertStringIncludes((await host.run("-l")).stdout, "\n  M      10.99.0.9\n");
  assertEquals((await host.run("-l", "-L")).code, 1);
  assertEquals((await host.run("-P", "/nowhere", "-l")).code, 1);
  const byStatd = await host.host.output(OUR_STATD, "--list");
  assertEquals(byStatd, (await host.run("-l")).stdout);
});

nsmctlTest("forget changes memory and disk, or the disk alone", async (host) => {
  const files = () =>
    host.host.output("sh", "-c", `cd ${STATE} && find sm sm.bak -type f ! -name '.*'`);
  for (const withDaemon of [false, true]) {
    for (const name of [PEER, "peer", "live"]) await host.putRecord("sm", name);
    for (const name of ["peer", "old"]) await host.putRecord("sm.bak", name);
    await host.host.output("touch", "-d", "-40 days", `${STATE}/sm/live`, `${STATE}/sm.bak/old`);
    if (withDaemon) await host.startStatd();
    assertEquals((await host.run("forget", "PEER")).code, 1); // no terminal to ask on
    assertEquals((await host.run("forget", "--yes", "PEER")).code, 0);
    assertEquals((await host.run("forget", "--yes", "PEER")).code, 1);
    const names = async () => (await listed(host)).peers.map(({ monName }) => monName);
    assertEquals(await names(), [PEER, "live", "old"]);
    const aged = await host.run("forget", "--yes", "--older-than", "30d");
    assertEquals(
      [aged.code, await names()],
      [0, [PEER, "live"]],
      "who is monitored may hold locks",
    );
    assertMatch(aged.stderr, /keeping 1 monitored peer, which may hold locks: name a HOST/);
    assertEquals((await host.run("forget", "--yes", "--older-than", "30d")).code, 1);
    assertEquals((await host.run("forget", "--yes", "live")).code, 0);
    await host.putRecord("sm.bak", "nowhere.example.net");
    await host.putRecord("sm.bak", "gone.example.net");
    const doubted = await host.run("forget", "--yes", "--unresolvable");
    assertEquals(doubted.code, 1);
    assertMatch(
      doubted.stderr,
      /None of 2 names has an address, as if the name service did not work/,
    );
    await host.putRecord("sm.bak", "peer");
    assertEquals((await host.run("forget", "--yes", "--unresolvable")).code, 0);
    assertEquals(await names(), [PEER, "peer"]);
    await host.putRecord("sm.bak", "nowhere.example.net");
    assertEquals((await host.run("forget", "--yes", "peer")).code, 0);
    const last = await host.run("forget", "--yes", "--unresolvable");
    assertEquals(last.code, 0, "one name alone may be that of a host that is gone");
    assertEquals(await files(), `sm/${PEER}\n`);
    assertEquals((await host.run("forget", "--yes")).code, 2);
    assertEquals((await host.run("forget", "--yes", "--older-than", "soon")).code, 2);
  }
  await host.statd!.line(/Forgot 1 registrations, as "uid 0" asked: "peer"/);
  const owners = await host.host.output("stat", "-c", "%U", `${STATE}/sm/${PEER}`);
  assertEquals(owners, await host.host.output("stat", "-c", "%U", `${STATE}/sm`));
});

nsmctlTest(
  "declare-rebooted tells the lock manager, and the log names the user",
  async (host) => {
    assertEquals((await host.run("declare-rebooted", "--yes", PEER)).code, 3);
    await host.startStatd();
    assertEquals((await host.run("declare-rebooted", "--yes", PEER)).code, 1);
    await host.agent.datagram(message(mon({ monName: PEER })), STATD);
    assertEquals((await host.run("declare-rebooted", PEER)).code, 1);
    const { code, stdout } = await host.run("declare-rebooted", "--yes", PEER);
    assertEquals([code, stdout], [
      0,
      "Told the lock manager for 1 of 1 request.\n" +
      "It is monitored still; nsmctl forget 10.99.0.9 ends that.\n",
    ]);
    const [call] = await host.agent.called(1);
    assertStringIncludes(call!.message, "0000000931302e39392e302e39000000" + "00000002");
    await host.statd!.line(/peer "10\.99\.0\.9" is declared rebooted, state 2, as "uid 0" asked/);
    await host.run("declare-rebooted", "--yes", PEER);
    assertStringIncludes((await host.agent.called(2))[1]!.message, "00000004");
  },
);

nsmctlTest("test finds a status monitor, with or without a daemon here", async (host) => {
  const nothing = await host.run("test", "--json", "--timeout", "1", OWN_ADDRESS);
  assertEquals(nothing.code, 1);
  assertEquals(checked<{ verdict: string }>(nothing.stdout, "test").verdict, "unreachable");
  const unknown = await host.run("test", "--json", "nowhere.example.net");
  assertEquals(unknown.code, 1);
  checked(unknown.stdout, "test");
  await host.startStatd();
  const found = await host.run("test", "--json", Deno.hostname());
  const report = checked<{ verdict: string; probes: unknown[] }>(found.stdout, "test");
  assertEquals([found.code, report.verdict, report.probes.length], [0, "good", 2]);
  assertMatch((await host.run("test", OWN_ADDRESS)).stdout, /can be reached in every way/);
  assertEquals((await host.run("test", "--timeout", "0", OWN_ADDRESS)).code, 2);
});

nsmctlTest("notify tells a peer now, and takes it off the notify list", async (host) => {
  await host.startStatd();
  await host.putRecord("sm.bak", OWN_ADDRESS);
  const { code, stdout } = await host.run("notify", OWN_ADDRESS);
  assertEquals(code, 0);
  assertMatch(stdout, /^10\.99\.0\.1 \(as me\.example\.net\): told at 10\.99\.0\.1 over udp/);
  await host.statd!.line(/SM_NOTIFY/);
  assertEquals((await listed(host)).peers, []);
  const failed = await host.run("notify", "--timeout", "0.5", "nowhere.example.net");
  assertEquals(failed.code, 1);

  await host.host.write(`${STATE}/state`, new Uint8Array(Int32Array.of(6).buffer));
  assertEquals((await host.run("notify", OWN_ADDRESS)).code, 0);
  await host.statd!.line(/SM_NOTIFY of "[^"]*" state 7 /); // as the daemon tells it
});

nsmctlTest("what follows changes ends when nobody reads them any more", async (host) => {
  await host.startStatd();
  for (const command of ["watch", "events --follow", "-L"]) {
    const script = `${OUR_NSMCTL} ${command} | head -n 1`;
    const { code, stdout } = await inTime(command, host.host.run("sh", "-c", script));
    assertEquals([code, stdout.split("\n").length], [0, 2], command);
  }
});

nsmctlTest(
  "operator D1: doctor's advice notifies the remaining peers, and moves no record",
  async (host) => {
    await host.startStatd();
    await host.agent.datagram(message(mon({ monName: PEER })), STATD);
    await host.putRecord("sm.bak", OWN_ADDRESS);
    const monitored = () => host.host.output("ls", `${STATE}/sm`);
    const before = await monitored();
    assertMatch((await host.run("doctor")).stdout, /nsmctl notify --pending/);
    assertEquals((await host.run("notify", "--pending")).code, 0);
    assertEquals(await monitored(), before);
    assertEquals(await host.host.output("ls", `${STATE}/sm.bak`), "");
    const again = await host.run("notify", "--pending");
    assertEquals([again.code, again.stdout], [0, "No peer is to be notified.\n"]);
    assertEquals((await host.run("notify", "--pending", PEER)).code, 2);
    assertEquals((await host.run("notify")).code, 2);
  },
);

nsmctlTest(
  "operator D1: records moved away are written again, deleted ones are not",
  async (host) => {
    await host.startStatd();
    for (const monName of [PEER, "10.99.0.10"]) {
      await host.agent.datagram(message(mon({ monName })), STATD);
    }
    await host.host.output("rm", `${STATE}/sm/10.99.0.10`);
    await host.host.output("mv", `${STATE}/sm/${PEER}`, `${STATE}/sm.bak/`);
    await host.statd!.line(/Restored 1 records?/);
    assertEquals(await host.host.output("ls", `${STATE}/sm`), `${PEER}\n`);
    const since = host.statd!.lines.length;
    await host.host.run(OUR_SM_NOTIFY, "-f", "--deadline=1");
    await host.statd!.line(/Restored 1 records?/, since);
    assertEquals(await host.host.output("ls", `${STATE}/sm`), `${PEER}\n`);
  },
);

nsmctlTest(
  "operator D4: forget --older-than ignores implausible times",
  async (host) => {
    for (const monName of ["old", "clockless", "future"]) await host.putRecord("sm.bak", monName);
    const date = (monName: string, time: string) =>
      host.host.output("touch", "-d", time, `${STATE}/sm.bak/${monName}`);
    await date("old", "2010-01-01");
    await date("clockless", "1970-01-02");
    await date("future", "2090-01-01");
    const { code, stderr } = await host.run("forget", "--older-than", "30d", "--yes");
    assertEquals(code, 0);
    assertMatch(stderr, /skipping clockless: its record has an implausible time, 1970-01-0/);
    assertMatch(stderr, /skipping future: /);
    assertEquals(await host.host.output("ls", `${STATE}/sm.bak`), "clockless\nfuture\n");
  },
);

nsmctlTest("operator D5: declare-rebooted leaves an answering host alone", async (host) => {
  await host.startStatd();
  await host.agent.datagram(message(mon({ monName: OWN_ADDRESS })), STATD);
  const { code, stderr } = await host.run("declare-rebooted", "--yes", OWN_ADDRESS);
  assertEquals(code, 1);
  assertMatch(stderr, /10\.99\.0\.1 ANSWERS at 10\.99\.0\.1 .*--even-if-alive/);
  const forced = await host.run("declare-rebooted", "--yes", "--even-if-alive", OWN_ADDRESS);
  assertMatch(forced.stdout, /monitored still; nsmctl forget 10\.99\.0\.1/);

  // A name that has gone meanwhile proves nothing about a host whose address is known.
  assertEquals((await host.run("forget", "--yes", OWN_ADDRESS)).code, 0);
  const name = `${Deno.hostname()}.example.net`;
  await host.agent.datagram(message(mon({ monName: name })), STATD);
  await eventually(
    "its address is known",
    async () => (await host.run("list", name)).stdout.includes(OWN_ADDRESS),
  );
  await host.host.write("/etc/hosts", "127.0.0.1 localhost\n");
  const nameless = await host.run("declare-rebooted", "--yes", name);
  assertEquals(nameless.code, 1);
  assertMatch(nameless.stderr, /ANSWERS at 10\.99\.0\.1 /);
});

nsmctlTest("metrics can be read over TCP and from a Unix socket", async (host) => {
  const get = (...args: string[]) => host.host.output("curl", "-sS", ...args);
  await host.host.write("/etc/nfs.conf", `[statd]\nport=${STATD_PORT}\nmetrics=127.0.0.1:9199\n`);
  await host.startStatd();
  await host.agent.datagram(message(mon({ monName: PEER })), STATD);
  const metrics = readMetrics(await get("http://127.0.0.1:9199/metrics"));
  assertEquals(metrics.get("nsm_peers")!.samples.get(""), 1);
  assertEquals(metrics.get("nsm_calls_total")!.samples.get('{procedure="SM_MON"}'), 1);
  assertEquals(
    await get("-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:9199/x"),
    "404",
  );
  await host.statd!.stop();
  const socket = `${STATE}/sm.bak/.metrics.sock`;
  await host.host.write("/etc/nfs.conf", `[statd]\nport=${STATD_PORT}\nmetrics=${socket}\n`);
  for (let life = 0; life < 2; life++) {
    await host.startStatd();
    readMetrics(await get("--unix-socket", socket, "http://statd/metrics"));
    await host.statd!.stop(life === 0 ? "KILL" : "TERM");
  }
});

/** Prometheus' parser for Python (package python3-prometheus-client). */
const PROMETHEUS = "/usr/lib/python3/dist-packages/prometheus_client/parser.py";
const PYTHON = "/usr/bin/python3";
/** Prints the type of each family and the number of its samples. */
const READ_METRICS = `import json, sys
from prometheus_client.parser import text_string_to_metric_families as families
print(json.dumps({f.name: [f.type, len(f.samples)] for f in families(sys.stdin.read())}))`;

systemTest(
  "Prometheus' own parser accepts the metrics",
  [...NEEDS, PYTHON, PROMETHEUS],
  async (newHost) => {
    await using resources = new AsyncDisposableStack();
    const nsmctlHost = await NsmctlHost.create(newHost, resources, {
      etc: { "nfs.conf": "[statd]\nmetrics=127.0.0.1:9199\n" },
    });
    await nsmctlHost.startStatd();
    const { host } = nsmctlHost;
    const url = "http://127.0.0.1:9199/metrics";
    const text = await host.output("curl", "-sS", url);
    const pipe = `curl -sS ${url} | ${PYTHON} -I -c "$1"`;
    const theirs = JSON.parse(await host.output("bash", "-c", pipe, "bash", READ_METRICS));
    const ours = Array.from(
      readMetrics(text),
      ([name, { type, samples }]) => [name.replace(/_total$/, ""), [type, samples.size]] as const,
    );
    assertEquals(theirs, Object.fromEntries(ours));
  },
);

nsmctlTest("the control socket survives any input", async (host) => {
  await host.startStatd();
  const connect = () =>
    Deno.connect({ transport: "unix", path: host.host.path(`${STATE}/.statd.sock`) });
  const ask = async (text: string): Promise<string> => {
    using connection = await connect();
    await connection.write(new TextEncoder().encode(text));
    await connection.closeWrite();
    return await new Response(connection.readable).text().catch(() => "");
  };
  assertStringIncludes(await ask("nonsense\n"), '"ok":false');
  assertStringIncludes(
    await ask(`{"command":"forget","peers":[${"1,".repeat(9)}1]}\n`),
    '"ok":false',
  );
  assertStringIncludes(await ask("\x00\xff\n\n"), '"ok":false');
  assertStringIncludes(await ask("x".repeat(70_000)), "too long");
  assertEquals(await ask('{"command":"status"}'), "");
  const idle = await Promise.all(Array.from({ length: 20 }, connect));
  await host.agent.datagram(message(mon({ monName: PEER })), STATD);
  for (const connection of idle) connection.close();
  await eventually(
    "the daemon answers again",
    async () => (await host.run("status", "-q")).code === 0,
  );
});

/** Typed lines, and the expected completions. */
const TYPED: readonly (readonly [line: string, answer: RegExp])[] = [
  [`nsmctl decl${TAB}--he${TAB}`, /usage: nsmctl declare-rebooted/],
  [`nsmctl status --qui${TAB}|| echo un''healthy`, /unhealthy/],
  [`nsmctl list ${TAB}`, /M +peer\.example\.net +me\.example\.net/],
  [`nsmctl completion z${TAB}| head -1`, /#compdef nsmctl/],
  [
    `nsmctl -P ${STATE.slice(0, -1)}${TAB} li${TAB} --js${TAB}`,
    /"stateDirectory": "\/var\/lib\/nfs/,
  ],
  [`nsmctl -N ${TAB}&& echo clea''red`, /cleared/],
  [`rpc.statd --foregr${TAB}--vers${TAB}`, /rpc\.statd version \d/],
  [`sm-notify --sour${TAB}an${TAB} --check-con${TAB}| grep sou''rce`, / = any +# option/],
  [`start-statd --vers${TAB}`, /start-statd version \d/],
  [`rpcbind --du${TAB}al${TAB} --check-con${TAB}| grep dump`, / = all +# option/],
];

for (const shell of ["bash", "zsh", "fish"] as const) {
  const name = `nsmctl completion is of use on a terminal with ${shell}`;
  systemTest(name, [...NEEDS, SCRIPT, pathOf(shell)], async (newHost) => {
    await using resources = new AsyncDisposableStack();
    const host = await NsmctlHost.create(newHost, resources);
    await host.putRecord("sm", "peer.example.net");
    await host.putRecord("sm", "$(touch${IFS}owned)"); // any user can create this file
    const scripts: Record<string, string> = {};
    for (const program of ["nsmctl", ...COMPLETED_PROGRAMS]) {
      scripts[program] = (await host.run("completion", shell, program)).stdout;
    }
    const typed = await TypedShell.start(host.host, shell, OUR_FOLDER, scripts);
    for (const [line, answer] of TYPED) await typed.type(line, answer);
    const made = await host.host.output("find", "/run/home", "-name", "owned");
    assertEquals(made, "", "a peer's name was executed");
  });
}

nsmctlTest("each command has help with an example", async (host) => {
  assertEquals((await host.run("completion", "csh")).code, 2);
  const help = await host.run("--help");
  assertEquals(help.code, 0);
  const commands = [...help.stdout.matchAll(/^ {2}([a-z][a-z-]+) {2,}[A-Z]/gm)];
  assertEquals(commands.map(([, name]) => name), COMMANDS.map(({ name }) => name));
  for (const [, command] of commands) {
    const { code, stdout } = await host.run(command!, "--help");
    assertEquals(code, 0);
    assertMatch(stdout, /^usage: nsmctl .*\n\n[^\n]+\n[^]*\nExample: nsmctl /);
    const version = await host.run(command!, "--version");
    assertEquals([version.code, version.stdout], [0, `nsmctl version ${project.version}\n`]);
  }
  assertEquals((await host.run("nonsense")).code, 2);
  assertEquals((await host.run()).code, 2);
});

nsmctlTest("output has the colours and the width of the terminal", async (host) => {
  await host.putRecord("sm", PEER);
  const onTerminal = async (columns: number, variables: string, command: string) => {
    const line = `stty cols ${columns}; env TERM=linux ${variables} ${OUR_NSMCTL} ${command}`;
    return (await host.host.run(SCRIPT, "-qec", line, "/dev/null")).stdout;
  };
  assertStringIncludes(await onTerminal(80, "NO_COLOR=", "list"), "\x1b[32mM\x1b[0m");
  for (const variables of ["NO_COLOR=1", "TERM=dumb NO_COLOR="]) {
    const table =
      /\r\nM +PEER +ASKED BY +AGE\r\nM +10\.99\.0\.9 +me\.example\.net +\d+ s\r\n\r\n1 monitored\r\n$/;
    assertMatch(await onTerminal(80, variables, "list"), table);
  }
  await host.startStatd();
  for (const columns of [80, 40]) {
    for (const command of ["list", "status", "--help", "forget --help"]) {
      const lines = (await onTerminal(columns, "NO_COLOR=1", command)).split("\r\n");
      const tooLong = lines.filter((line) => line.length > columns);
      // Text to be copied is not wrapped.
      assertEquals(tooLong.filter((line) => !/^(Boot id|usage:|Example:|nsmctl) /.test(line)), []);
      assert(lines.length > 1);
    }
  }
}, SCRIPT);

nsmctlTest(
  "output that cannot be written is an error, unless its reader has gone",
  async ({ host }) => {
    const ended = (line: string) =>
      host.run("bash", "-c", `set -o pipefail; ${line}`, "bash", OUR_NSMCTL);
    const full = await ended('"$1" list >/dev/full');
    assertMatch(full.stderr, /Cannot write to standard output: No space left on device/);
    assertEquals(full.code, 1);
    assertEquals((await ended('"$1" --help | true')).stderr, "");
  },
);
