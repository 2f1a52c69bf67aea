/**
 * Limits and filters of the starter (getrlimit(2), seccomp(2)): the daemon serves, or one line says what to
 * raise.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { mon, notify, nullCall, unmon } from "../support/nsm_calls.ts";
import {
  PYTHON,
  REFUSABLE_CALLS,
  refusing,
  refusingNetlink,
  refusingNoFollow,
} from "../support/refused_calls.ts";
import { ask, FOREGROUND, READY } from "../support/statd.ts";
import {
  OUR_NSMCTL,
  OUR_RPCBIND,
  OUR_SM_NOTIFY,
  OUR_STATD,
  systemTest,
} from "../support/system_test.ts";
import { fileIsGone } from "../support/waiting.ts";

/** Number of descriptors that suffices to start, but not to serve. */
const TOO_FEW = 32;

systemTest(
  "portability 13: too few descriptors are reported in one line",
  [OUR_STATD, OUR_SM_NOTIFY],
  async (newHost) => {
    const host = await newHost();
    for (const program of [OUR_STATD, OUR_SM_NOTIFY]) {
      const limited = `ulimit -n ${TOO_FEW}; exec "$@"`;
      const started = host.start("sh", "-c", limited, "sh", program, "-F", "-d");
      await started.line(/: Only 32 files may be open, .*LimitNOFILE=/);
      assertEquals(await started.ended, 1);
    }
  },
);

systemTest(
  "portability 13: a limit on file sizes refuses SM_MON, and does not end the daemon",
  [OUR_STATD],
  async (newHost) => {
    const host = await newHost();
    const agent = new Agent(host);
    await host.write("/var/lib/nfs/state", "\x05\0\0\0"); // a first start could not write one
    const statd = host.start("sh", "-c", 'ulimit -f 0; exec "$@"', "sh", OUR_STATD, ...FOREGROUND);
    await statd.line(READY);
    assertEquals(await ask(agent, nullCall), "SUCCESS");
    assertMatch(await ask(agent, mon({ monName: "10.99.9.1" })), /^SUCCESS 00000001 ffffffff/);
    await statd.line(/Nobody new can be monitored now: .*File too large/);
    assertEquals([statd.hasEnded, await statd.stop()], [false, 0]);
  },
);

systemTest("portability 3: statd creates missing lists", [OUR_STATD], async (newHost) => {
  const host = await newHost();
  const agent = new Agent(host);
  await host.output("rm", "-r", "/var/lib/nfs/sm", "/var/lib/nfs/sm.bak");
  const statd = host.start(OUR_STATD, ...FOREGROUND);
  await statd.line(
    /Created missing directories: "\/var\/lib\/nfs\/sm", "\/var\/lib\/nfs\/sm\.bak"/,
  );
  await statd.line(READY);
  assertMatch(await ask(agent, mon({ monName: "10.99.9.1" })), /^SUCCESS 00000000/);
});

systemTest(
  "portability 3: a directory that is read-only in the sandbox only is reported as such",
  [OUR_STATD],
  async (newHost) => {
    const host = await newHost();
    await host.output("mkdir", "-p", "/run/nsm/sm", "/run/nsm/sm.bak");
    await host.output("mount", "--bind", "/run/nsm", "/run/nsm");
    await host.output("mount", "-o", "remount,bind,ro", "/run/nsm");
    const statd = host.start(OUR_STATD, ...FOREGROUND, "-P", "/run/nsm");
    await statd.line(/read-only for this process, and not elsewhere: .* ReadWritePaths=\/run\/nsm/);
  },
);

/** Error line for a refused call that is needed. */
const REFUSALS = {
  flock: /Cannot lock "\/var\/lib\/nfs\/\.statd\.lock": flock: EPERM \(allow it in the filter/,
  setgroups: /setgroups: EPERM \(allow it in the filter/,
  capset: /capset: EPERM \(allow it in the filter/,
  bind: /Cannot open UDP socket .*: Operation not permitted/,
} as const;

for (const [call, line] of Object.entries(REFUSALS) as [keyof typeof REFUSALS, RegExp][]) {
  systemTest(
    `field 10: if ${call} is refused, one line says what to do`,
    [OUR_STATD, PYTHON],
    async (newHost) => {
      const host = await newHost();
      const { code, stderr } = await host.run(...refusing(call, OUR_STATD, ...FOREGROUND));
      assertMatch(stderr, line);
      assertEquals([code, stderr.includes("    at ")], [1, false]);
    },
  );
}

systemTest(
  "field 11: if fsync is refused, peers are notified, and a line says what a power cut may lose",
  [OUR_SM_NOTIFY, PYTHON],
  async (newHost) => {
    const host = await newHost();
    const line = `0100007f 000186b5 00000003 00000010 ${"0".repeat(32)} 127.0.0.1 me\n`;
    await host.write("/var/lib/nfs/sm/127.0.0.1", line);
    await host.output("chown", "--reference=/var/lib/nfs/sm", "/var/lib/nfs/sm/127.0.0.1");
    const { stderr } = await host.run(
      ...refusing("fsync", ...refusing("fdatasync", OUR_SM_NOTIFY, "-d", "-f", "--deadline", "1")),
    );
    assertMatch(stderr, /refuses fsync and fdatasync, so a power cut may take the last changes/);
    assertMatch(stderr, /Notifying 1 peer of state \d+/);
    assertEquals(/Cannot (write|sync)/.test(stderr), false, stderr);
  },
);

/** Results of a start that could not complete: lines, exit status, and files in both lists. */
const UNFINISHED = {
  rename: {
    lines: [/Cannot move .*: Operation not permitted/, /Told 1 of 1 peer/],
    state: "\x07\0\0\0",
    left: "sm/127.0.0.1",
  },
  unlink: {
    lines: [/Told 1 of 1 peer/, /Cannot take "127\.0\.0\.1" off the notify list/],
    state: "\x07\0\0\0",
    left: "sm.bak/127.0.0.1",
  },
  getdents64: {
    lines: [
      /Cannot read "\/var\/lib\/nfs\/sm": Operation not permitted/,
      /No peer is notified, because/,
    ],
    state: "\x05\0\0\0",
    left: "sm/127.0.0.1",
  },
} as const;

for (const [call, { lines, state, left }] of Object.entries(UNFINISHED)) {
  systemTest(
    `field 10: if ${call} is refused, records stay and the status is 1`,
    [OUR_STATD, OUR_SM_NOTIFY, PYTHON],
    async (newHost) => {
      const host = await newHost();
      await host.startRpcbind();
      await host.write("/var/lib/nfs/state", "\x05\0\0\0");
      const peer = host.start(OUR_STATD, ...FOREGROUND);
      await peer.line(READY);
      const line = `0100007f 000186b5 00000003 00000010 ${"0".repeat(32)} 127.0.0.1 me\n`;
      await host.write("/var/lib/nfs/sm/127.0.0.1", line);
      await host.output("chown", "--reference=/var/lib/nfs/sm", "/var/lib/nfs/sm/127.0.0.1");
      const refused = refusing(call as keyof typeof UNFINISHED, OUR_SM_NOTIFY, "-d");
      const { code, stderr } = await host.run(...refused, "-f", "--deadline", "20");
      for (const line of lines) assertMatch(stderr, line);
      assertEquals(code, 1, stderr);
      assertEquals(await Deno.readTextFile(host.path("/var/lib/nfs/state")), state);
      assertEquals(await Deno.readTextFile(host.path(`/var/lib/nfs/${left}`)), line);
    },
  );
}

systemTest(
  "field 10: if nothing can be written, peers are notified, and the status is 1",
  [OUR_STATD, OUR_SM_NOTIFY],
  async (newHost) => {
    const host = await newHost();
    await host.startRpcbind();
    const line = `0100007f 000186b5 00000003 00000010 ${"0".repeat(32)} 127.0.0.1 me\n`;
    await host.write("/var/lib/nfs/state", "\x05\0\0\0");
    await host.write("/var/lib/nfs/sm/127.0.0.1", line);
    await host.output("mkdir", "-p", "/run/peer/sm", "/run/peer/sm.bak");
    const peer = host.start(OUR_STATD, ...FOREGROUND, "-P", "/run/peer");
    await peer.line(READY);
    await host.output("mount", "-o", "remount,ro", "/var/lib/nfs");
    const { code, stderr } = await host.run(OUR_SM_NOTIFY, "-d", "-f", "--deadline", "20");
    assertMatch(stderr, /Read-only file system; peers are still told the number 7/);
    assertMatch(stderr, /Told 1 of 1 peer/);
    assertEquals([code, await Deno.readTextFile(host.path("/var/lib/nfs/sm/127.0.0.1"))], [
      1,
      line,
    ]);
  },
);

systemTest(
  "field 10: if nothing can be written, a peer that is silent at first is notified too",
  [OUR_STATD, OUR_SM_NOTIFY],
  async (newHost) => {
    const host = await newHost();
    await host.startRpcbind();
    await host.write("/var/lib/nfs/state", "\x05\0\0\0");
    await host.write(
      "/var/lib/nfs/sm/127.0.0.1",
      `0100007f 000186b5 00000003 00000010 ${"0".repeat(32)} 127.0.0.1 me\n`,
    );
    await host.output("mount", "-o", "remount,ro", "/var/lib/nfs");
    const notifier = host.start(OUR_SM_NOTIFY, "-d", "-f");
    await notifier.line(/Cannot notify "127\.0\.0\.1" yet/);
    await host.output("mkdir", "-p", "/run/peer/sm", "/run/peer/sm.bak");
    const peer = host.start(OUR_STATD, ...FOREGROUND, "-P", "/run/peer");
    await peer.line(READY);
    await notifier.line(/Told 1 of 1 peer/);
    assertEquals(await notifier.ended, 1);
  },
);

systemTest(
  "as root in a container without capabilities statd serves and sm-notify notifies",
  [OUR_STATD, OUR_SM_NOTIFY, "/usr/bin/setpriv"],
  async (newHost) => {
    const host = await newHost();
    const agent = new Agent(host);
    await host.startRpcbind();
    const only = ["setpriv", "--bounding-set", "-all,+net_bind_service"];
    await host.output("chown", "-R", "root:root", "/var/lib/nfs");
    const statd = host.start(...only, OUR_STATD, ...FOREGROUND);
    await statd.line(READY);
    assertMatch(await ask(agent, mon({ monName: "127.0.0.1" })), /^SUCCESS 00000000/);
    const told = await host.run(...only, OUR_SM_NOTIFY, "-d", "-f", "--deadline", "20");
    assertMatch(told.stderr, /Told 1 of 1 peer/);
    assertEquals([told.code, statd.hasEnded, await statd.stop()], [0, false, 0]);
  },
);

systemTest(
  "under another user than before, as in a pod with a new uid, one line names the owner of the lists",
  [OUR_STATD, OUR_SM_NOTIFY],
  async (newHost) => {
    const host = await newHost();
    const as = (uid: string) => ["setpriv", "--reuid", uid, "--regid", "0", "--clear-groups"];
    const [before, now] = ["1000650000", "1000660000"];
    await host.output("sh", "-c", "rm -r /var/lib/nfs/*; chmod 2775 /var/lib/nfs");
    const first = host.start(...as(before), OUR_STATD, ...FOREGROUND);
    await first.line(READY);
    assertEquals(await first.stop(), 0);
    for (const command of [[OUR_STATD, ...FOREGROUND], [OUR_SM_NOTIFY, "-d"]]) {
      const { code, stderr } = await host.run(...as(now), ...command);
      assertMatch(stderr, new RegExp(`(?:root or as uid ${before}|sm", uid ${before})`));
      assertEquals(code, 1);
    }
  },
);

systemTest(
  "field 10: if netlink is refused, rpc.statd serves under rules for hosts, and its status answers",
  [OUR_STATD, OUR_NSMCTL, OUR_RPCBIND, PYTHON],
  async (newHost) => {
    const etc = { "hosts.allow": "statd: 10.99.9.1\n", "hosts.deny": "ALL: ALL\n" };
    const host = await newHost({ etc });
    const agent = new Agent(host);
    const rpcbind = host.start(...refusingNetlink(OUR_RPCBIND, "-f", "-d"));
    await rpcbind.line(/Serving/);
    const statd = host.start(...refusingNetlink(OUR_STATD, ...FOREGROUND));
    await statd.line(/Cannot list own addresses, .* allow AF_NETLINK .*RestrictAddressFamilies=/);
    await statd.line(READY);
    assertMatch(await ask(agent, mon({ monName: "10.99.9.1" })), /^SUCCESS 00000000/);
    const { stdout, stderr } = await host.run(OUR_NSMCTL, "status");
    assertMatch(stdout, /own addresses cannot be listed/, stderr);
    assertMatch(await host.output("rpcinfo", "-p"), /100024 +1 +udp/);
    const doctor = (await host.run(...refusingNetlink(OUR_NSMCTL, "doctor"))).stdout;
    const rest = doctor.replaceAll(/\s+/g, " ").replace(/^.*Not looked at: /, "");
    assertMatch(rest, /whether the loopback interface has its address \(the interfaces cannot be/);
    assertMatch(rest, /whether this host's name has an address of this host \(Address family/);
    assertEquals([statd.hasEnded, await statd.stop(), await rpcbind.stop()], [false, 0, 0]);
  },
);

systemTest(
  "with /proc of another PID namespace, one line says so",
  [OUR_STATD, OUR_SM_NOTIFY],
  async (newHost) => {
    const host = await newHost();
    for (const command of [[OUR_STATD, ...FOREGROUND], [OUR_SM_NOTIFY, "-d"]]) {
      const { code, stderr } = await host.run("unshare", "--pid", "--fork", ...command);
      assertMatch(stderr, /^\S+: \/proc .* of another PID namespace: mount -t proc proc \/proc\n$/);
      assertEquals(code, 1);
    }
  },
);

systemTest(
  "in a user namespace without the owner of sm, one line says so",
  [OUR_STATD, OUR_SM_NOTIFY],
  async (newHost) => {
    const host = await newHost();
    await host.write("/var/lib/nfs/sm/10.99.9.1", "a record");
    const alone = ["unshare", "--user", "--map-root-user"];
    for (const command of [[OUR_STATD, ...FOREGROUND], [OUR_SM_NOTIFY, "-d"]]) {
      const { code, stderr } = await host.run(...alone, ...command);
      assertMatch(stderr, /this user namespace lacks the owner of the directory sm: map that user/);
      assertEquals([code, stderr.includes("    at ")], [1, false]);
    }
    assertEquals(await Deno.readTextFile(host.path("/var/lib/nfs/sm/10.99.9.1")), "a record");
  },
);

systemTest(
  "field 10: if O_NOFOLLOW is refused, a line says so, records stay and the status is 1",
  [OUR_SM_NOTIFY, PYTHON],
  async (newHost) => {
    const host = await newHost();
    const line = `0100007f 000186b5 00000003 00000010 ${"0".repeat(32)} 127.0.0.1 me\n`;
    await host.write("/var/lib/nfs/sm/127.0.0.1", line);
    await host.output("chown", "--reference=/var/lib/nfs/sm", "/var/lib/nfs/sm/127.0.0.1");
    const { code, stderr } = await host.run(...refusingNoFollow(OUR_SM_NOTIFY, "-d", "-f"));
    assertMatch(stderr, /127\.0\.0\.1": open: EPERM \(allow it in the filter of system calls/);
    assertMatch(stderr, /No peer is notified, because not all records could be read/);
    assertEquals(code, 1);
    assertEquals(await Deno.readTextFile(host.path("/var/lib/nfs/sm.bak/127.0.0.1")), line);
  },
);

for (const call of REFUSABLE_CALLS) {
  systemTest(
    `field 10: if ${call} is refused, rpc.statd serves and sm-notify notifies`,
    [OUR_STATD, OUR_SM_NOTIFY, PYTHON],
    async (newHost) => {
      const host = await newHost();
      const agent = new Agent(host);
      await host.startRpcbind();
      await agent.serve();
      const statd = host.start(...refusing(call, OUR_STATD, ...FOREGROUND));
      await statd.line(READY);
      assertMatch(await ask(agent, mon({ monName: "10.99.9.1" })), /^SUCCESS 00000000/);
      assertEquals(await ask(agent, notify("10.99.9.1", 5)), "SUCCESS");
      await agent.called(1);
      await statd.kill("HUP");
      await statd.line(/Settings read again/);
      // This host becomes the only peer, and receives the notice.
      await host.output("cp", "-p", "/var/lib/nfs/sm/10.99.9.1", "/var/lib/nfs/sm/127.0.0.1");
      assertMatch(await ask(agent, unmon({ monName: "10.99.9.1" })), /^SUCCESS/);
      await fileIsGone(host.path("/var/lib/nfs/sm/10.99.9.1"));
      const told = await host.run(...refusing(call, OUR_SM_NOTIFY, "-d", "-f", "--deadline", "20"));
      assertMatch(told.stderr, /Told 1 of 1 peer/);
      assertEquals(told.code, 0);
      assertEquals([statd.hasEnded, await statd.stop()], [false, 0]);
    },
  );
}
