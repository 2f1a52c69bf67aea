/** Life of the compiled statd on a host of its own: start, privileges, signals, sudden death. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { mon, notify, nullCall, stat, unmon } from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import {
  ask,
  FOREGROUND,
  monitored,
  READY,
  registrations,
  startAll,
  startStatd,
  STATD_PORT,
} from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_STATD];
const PID_FILE = "/run/rpc.statd.pid";
const BACKGROUND = ["--no-notify", "-p", String(STATD_PORT)];
const MONITORED = "SUCCESS 00000000 00000003";

/** Process id in the pid file. */
function pidIn(host: TestHost): number {
  const text = Deno.readTextFileSync(host.path(PID_FILE));
  assertMatch(text, /^[1-9][0-9]*\n$/);
  return Number(text);
}

systemTest("the ready line names transports, ports and state directory", NEEDS, async (newHost) => {
  const host = await newHost();
  const statd = await startStatd(host);
  const ready = await statd.line(READY);
  for (const netid of ["udp", "udp6", "tcp", "tcp6"]) {
    assertStringIncludes(ready, `${netid} ${STATD_PORT}`);
  }
  assertStringIncludes(ready, "program 100024");
  assertStringIncludes(ready, STATE_DIRECTORY);
});

systemTest(
  "the pid file is filled while statd serves, and empty afterwards",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    const statd = await startStatd(host);
    assertEquals(pidIn(host), await statd.pid);
    const { mode, uid } = Deno.statSync(host.path(PID_FILE));
    assertEquals(mode! & 0o7777, 0o600); // trust 9: no other user can lock it
    assertEquals(uid, Deno.statSync(host.path(`${STATE_DIRECTORY}/sm`)).uid);
    assertEquals(await statd.stop(), 0);
    assertEquals(Deno.readTextFileSync(host.path(PID_FILE)), "");
  },
);

for (const signal of ["TERM", "INT"]) {
  systemTest(`SIG${signal} ends statd with status 0`, NEEDS, async (newHost) => {
    const host = await newHost();
    await host.startRpcbind();
    const statd = await startStatd(host);
    assertEquals(await statd.stop(signal), 0);
    assertEquals(await registrations(host), []);
  });
}

for (const signal of ["HUP", "USR1", "USR2", "PIPE", "CHLD"]) {
  systemTest(`SIG${signal} does not end statd`, NEEDS, async (newHost) => {
    const host = await newHost();
    const { statd, agent } = await startAll(host);
    await statd.kill(signal);
    assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), MONITORED);
    assertEquals(statd.hasEnded, false);
    assertEquals(await statd.stop(), 0);
  });
}

systemTest("SIGUSR1 tells no peer of a reboot that was told already", NEEDS, async (newHost) => {
  const host = await newHost();
  const agent = new Agent(host);
  const statd = await startStatd(host, FOREGROUND.filter((option) => option !== "--no-notify"));
  assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), MONITORED);
  await statd.kill("USR1"); // without root, which made the lock of the boot's run
  await statd.line(/sm-notify: (Already notifying clients|Notifying)/);
  assertEquals(statd.report().includes("sm-notify: Notifying"), false);
  assertEquals(await statd.stop(), 0);
});

systemTest("a start in the background ends with 0 when statd answers", NEEDS, async (newHost) => {
  const host = await newHost();
  const agent = new Agent(host);
  await host.startRpcbind();
  const { code, stdout, stderr } = await host.run(OUR_STATD, ...BACKGROUND);
  assertEquals([code, stdout, stderr], [0, "", ""]);
  assertEquals(await ask(agent, nullCall), "SUCCESS");
  assertEquals((await registrations(host)).length, 4);
  const pid = pidIn(host);
  const status = await Deno.readTextFile(host.path(`/proc/${pid}/stat`));
  const [, , parent, , session] = status.slice(status.lastIndexOf(")")).split(" ");
  assertEquals([parent, session], ["1", String(pid)]);
  assertUnprivileged(host, pid);
  await host.kill(pid, "TERM");
  await eventually("statd has ended", async () => !await host.isAlive(pid));
  assertEquals(await registrations(host), []);
  assertEquals(Deno.readTextFileSync(host.path(PID_FILE)), "");
});

systemTest(
  "a failed start in the background prints the reason, and ends with 1",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    await Deno.remove(host.path(`${STATE_DIRECTORY}/sm`), { recursive: true });
    await host.write(`${STATE_DIRECTORY}/sm`, "a file\n");
    const { code, stdout, stderr } = await host.run(OUR_STATD, ...BACKGROUND);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, /^rpc\.statd: .*\/var\/lib\/nfs\/sm.*\n$/);
  },
);

systemTest("a second statd is refused and does not disturb the first", NEEDS, async (newHost) => {
  const host = await newHost();
  const { agent } = await startAll(host);
  const before = await registrations(host);
  for (const options of [FOREGROUND, BACKGROUND, ["-F", "-d", "-p", "4051"]]) {
    const { code, stderr } = await host.run(OUR_STATD, ...options);
    assertEquals(code, 1, stderr);
    assertStringIncludes(stderr, "already running");
  }
  assertEquals(await registrations(host), before);
  assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), MONITORED);
});

systemTest("a second statd is refused without rpcbind, too", NEEDS, async (newHost) => {
  const host = await newHost();
  const first = await startStatd(host);
  for (const options of [FOREGROUND, ["-F", "-d", "-p", "4051"]]) {
    const { code, stderr } = await host.run(OUR_STATD, ...options);
    assertEquals(code, 1, stderr);
    assertMatch(stderr, /another status monitor uses it/);
  }
  assertEquals(pidIn(host), await first.pid);
  assertEquals(await ask(new Agent(host), nullCall), "SUCCESS");
});

/** Values of one field in the status of all threads. */
function threads(host: TestHost, pid: number, field: string): string[] {
  const tasks = host.path(`/proc/${pid}/task`);
  return [...Deno.readDirSync(tasks)].flatMap(({ name }) => {
    const status = statusOf(`${tasks}/${name}/status`);
    return status === undefined
      ? []
      : [new RegExp(`^${field}:[ \\t]*(.*?) *$`, "m").exec(status)![1]!];
  });
}

/** Status of a thread; undefined if it has ended. */
function statusOf(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || /ESRCH|os error 3\)/.test(String(error))) {
      return undefined;
    }
    throw error;
  }
}

const CAP_NET_BIND_SERVICE = 1n << 10n;

systemTest("no thread keeps uid 0, or more than one capability", NEEDS, async (newHost) => {
  const host = await newHost({ hosts: ["10.99.9.1 peer.example"] });
  const { statd, agent } = await startAll(host);
  // Uses everything that could start a thread: files, look-ups of names and addresses, connections,
  // a callback.
  for (const monName of ["peer.example", "10.99.9.1", "nobody.example", "fd99::9"]) {
    assertEquals(await ask(agent, mon({ monName })), MONITORED);
  }
  for (let name = 0; name < 40; name++) {
    assertEquals(await ask(agent, mon({ monName: `host${name}.example` })), MONITORED);
    assertEquals(await ask(agent, notify(`stranger${name}.example`, 5)), "SUCCESS");
  }
  assertEquals(await ask(agent, notify("nobody.example", 5)), "SUCCESS");
  await agent.called(1);
  assertUnprivileged(host, await statd.pid);
});

function assertUnprivileged(host: TestHost, pid: number): void {
  const { uid, gid } = Deno.statSync(host.path(`${STATE_DIRECTORY}/sm`));
  const ids = (id: number | null) => Array(4).fill(id).join("\t");
  assert(threads(host, pid, "Uid").every((uids) => uids === ids(uid)));
  assert(threads(host, pid, "Gid").every((gids) => gids === ids(gid)));
  assert(threads(host, pid, "Groups").every((groups) => groups === ""));
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
    for (const digits of threads(host, pid, set)) {
      assertEquals(BigInt(`0x${digits}`) & ~CAP_NET_BIND_SERVICE, 0n, `${set} ${digits}`);
    }
  }
}

systemTest("acknowledged registrations survive kill -9", NEEDS, async (newHost) => {
  const host = await newHost();
  const { statd, agent } = await startAll(host);
  for (const monName of ["10.99.9.1", "10.99.9.2", "10.99.9.3"]) {
    assertEquals(await ask(agent, mon({ monName })), MONITORED);
  }
  assertEquals(await ask(agent, unmon({ monName: "10.99.9.2" })), "SUCCESS 00000003");
  await statd.stop("KILL");
  assertEquals(monitored(host), ["10.99.9.1", "10.99.9.3"]);
  const again = await startStatd(host);
  assertEquals(pidIn(host), await again.pid);
  assertEquals(await ask(agent, notify("10.99.9.1", 5)), "SUCCESS");
  await agent.called(1);
  assertEquals(await ask(agent, notify("10.99.9.2", 5)), "SUCCESS");
  assertEquals(await ask(agent, notify("10.99.9.3", 5)), "SUCCESS");
  await agent.called(2);
  assertEquals(await again.stop(), 0);
  assertEquals(agent.calls.length, 2);
  assertEquals(monitored(host), ["10.99.9.1", "10.99.9.3"]);
});

systemTest("statd works for another user than root", NEEDS, async (newHost) => {
  const host = await newHost();
  const agent = new Agent(host);
  await host.startRpcbind();
  await agent.serve();
  const { uid, gid } = Deno.statSync(host.path(`${STATE_DIRECTORY}/sm`));
  await host.output("chown", "-R", `${uid}:${gid}`, STATE_DIRECTORY);
  const ids = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--inh-caps=-all"];
  const statd = host.start("setpriv", ...ids, OUR_STATD, ...FOREGROUND);
  await statd.line(READY);
  assertEquals(
    threads(host, await statd.pid, "CapEff").filter((set) => BigInt(`0x${set}`) > 0n),
    [],
  );
  assertEquals((await registrations(host)).length, 4);
  assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), MONITORED);
  assertEquals(await ask(agent, notify("10.99.9.1", 5)), "SUCCESS");
  const [callback] = await agent.called(1);
  assertEquals(callback!.from.address, "127.0.0.1");
  assertEquals(await statd.stop(), 0);
  assertEquals(await registrations(host), []);
  assertEquals(monitored(host), ["10.99.9.1"]);
});

systemTest(
  "with another state directory, the default one is not touched",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    const agent = new Agent(host);
    await host.output("cp", "-a", STATE_DIRECTORY, "/run/state");
    const statd = await startStatd(host, [...FOREGROUND, "-P", "/run/state"]);
    assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), MONITORED);
    assertEquals(await ask(agent, stat("localhost")), MONITORED);
    assertEquals(monitored(host), []);
    assertEquals(Deno.statSync(host.path(`${STATE_DIRECTORY}/state`)).size, 0);
    assertEquals(await statd.stop(), 0);
    assertEquals(Deno.readFileSync(host.path("/run/state/state")), Uint8Array.of(3, 0, 0, 0));
  },
);

systemTest(
  "the state number stays readable for the daemon, whatever the umask",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    const agent = new Agent(host);
    const statd = host.start(
      "/bin/sh",
      "-c",
      `umask 077; exec ${OUR_STATD} "$@"`,
      "sh",
      ...FOREGROUND,
    );
    await statd.line(READY);
    assertEquals(await ask(agent, stat("localhost")), MONITORED);
    assertEquals(Deno.statSync(host.path(`${STATE_DIRECTORY}/state`)).mode! & 0o777, 0o644);
    assertEquals(await statd.stop(), 0);
  },
);

systemTest(
  "field 16: signals right after the start have their usual effect",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    for (const signal of ["HUP", "USR1", "USR2"]) {
      const statd = host.start(OUR_STATD, ...FOREGROUND);
      await statd.line(/Version .* starting/);
      for (let round = 0; round < 3; round++) await statd.kill(signal);
      await statd.line(READY);
      assertEquals(await statd.stop(), 0);
    }
    const stopped = host.start(OUR_STATD, ...FOREGROUND);
    await stopped.line(/Version .* starting/);
    assertEquals(await stopped.stop(), 0);
    assertEquals(Deno.readTextFileSync(host.path(PID_FILE)), "");
  },
);

systemTest("B11, portability 15: a relative -P, and sm as root's link", NEEDS, async (newHost) => {
  const host = await newHost();
  await host.output(
    "sh",
    "-c",
    "mkdir -p /run/a/b/sm.bak /run/shared && cd /run/a/b && chown nobody /run/shared sm.bak && ln -s /run/shared sm",
  );
  const options = FOREGROUND.map((option) => `"${option}"`).join(" ");
  const statd = host.start("sh", "-c", `cd /run/a && exec ${OUR_STATD} ${options} -P ./b/`);
  assertEquals(await statd.ended, 1); // nfs-utils refuses a path that begins with a dot
  const other = host.start("sh", "-c", `cd /run && exec ${OUR_STATD} ${options} -P a/b`);
  await other.line(READY);
  await other.kill("HUP");
  await other.line(/Settings read again/);
  assertEquals(await other.stop(), 0);
});

systemTest(
  "F5: a statd that never was root leaves no control socket behind",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    await host.output("sh", "-c", "chown -R nobody /var/lib/nfs");
    const statd = host.start(
      "setpriv",
      "--reuid=65534",
      "--clear-groups",
      OUR_STATD,
      ...FOREGROUND,
    );
    await statd.line(READY);
    assertEquals(await statd.stop(), 0);
    assertEquals((await host.run("test", "-e", "/var/lib/nfs/.statd.sock")).code, 1);
  },
);

systemTest(
  "D28: without a system log statd logs to stderr in the foreground",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    await host.hideDevices();
    const statd = host.start(OUR_STATD, "-F", "-L", "-p", String(STATD_PORT));
    await statd.line(/^rpc.statd: Ready\. /);
    assertEquals(statd.lines.filter((line) => line.includes("Gave up the permissions")), []); // debug
    assertEquals(await statd.stop(), 0);
  },
);

systemTest(
  "portability 10: sm-notify logs to the destination of the statd that starts it",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    await host.write(
      `${STATE_DIRECTORY}/sm/127.9.9.9`,
      `0100007f 000186b5 00000003 00000010 ${"0".repeat(32)} 127.9.9.9 me\n`,
    );
    await host.output("sh", "-c", "chown --reference=/var/lib/nfs/sm /var/lib/nfs/sm/*");
    const statd = host.start(OUR_STATD, "-F", "-d", "-p", String(STATD_PORT));
    await statd.line(/^sm-notify: .*127\.9\.9\.9/);
    await statd.line(READY);
    const processes = await host.output("sh", "-c", "cat /proc/[0-9]*/comm | grep -c '^sm-notify'");
    assertEquals(processes, "1\n");
    await host.output("sh", "-c", "kill $(grep -lx sm-notify /proc/[0-9]*/comm | cut -d/ -f3)");
    assertEquals(await statd.stop(), 0);
  },
);

systemTest(
  "portability 9: without /dev/null a start in the background reports what is missing",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    await host.output("mount", "-t", "tmpfs", "none", "/dev");
    const { code, stderr } = await host.run(OUR_STATD, "-L");
    assertEquals(code, 1);
    const needed = 'Cannot open "/dev/null", which going to the background needs: ';
    assertEquals(stderr.split(needed).length, 2, stderr);
    assertMatch(stderr, /^[^\n]*; mknod -m 666 \/dev\/null c 1 3 makes it\n$/);
    // A file in its place, as root's shell makes one, cannot be opened by another user.
    await host.output("sh", "-c", "umask 022; : >/dev/null");
    const file = await host.run(OUR_STATD, "-L");
    assertEquals(file.code, 1);
    assertEquals(file.stderr.split(needed).length, 2, file.stderr);
  },
);
