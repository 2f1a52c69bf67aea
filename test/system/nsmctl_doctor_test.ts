/** Every finding of `nsmctl doctor`, with the condition there for real, and no other finding beside it. */

import { assertEquals } from "@std/assert";
import type { FindingName } from "../../lib/nsmctl/doctor/finding.ts";
import { FINDINGS } from "../../lib/nsmctl/doctor/finding.ts";
import { NsmctlHost, OUR_NSMCTL, OWN_ADDRESS } from "../support/nsmctl_host.ts";
import type { TestHost } from "../support/namespace.ts";
import { eventually } from "../support/patience.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_NSMCTL, OUR_STATD];
const STATE = "/var/lib/nfs";

/** What is done to a healthy host, in which statd runs unless said otherwise. */
interface Case {
  readonly finding: FindingName;
  readonly title: string;
  /** Before statd is started. */
  readonly before?: (host: NsmctlHost) => Promise<unknown>;
  readonly after?: (host: NsmctlHost) => Promise<unknown>;
  readonly isStatdMissing?: true;
  readonly args?: readonly string[];
  /** What else has to be so when doctor has ended. */
  readonly examined?: (host: NsmctlHost) => Promise<unknown>;
}

const name = Deno.hostname();

const CASES: readonly Case[] = [
  {
    finding: "state-directory-missing",
    title: "the notify list is removed",
    after: ({ host }) => host.output("rmdir", `${STATE}/sm.bak`),
  },
  {
    finding: "state-owner-differs",
    title: "the notify list is given to root",
    after: ({ host }) => host.output("chown", "root", `${STATE}/sm.bak`),
  },
  {
    finding: "state-not-writable",
    title: "the state directory is remounted read-only",
    after: ({ host }) => host.output("mount", "-o", "remount,bind,ro", STATE),
  },
  {
    finding: "state-not-writable",
    title: "the owner may not write to the monitor list",
    after: ({ host }) => host.output("chmod", "500", `${STATE}/sm`),
  },
  {
    finding: "state-owner-root",
    title: "both lists are root's",
    after: ({ host }) => host.output("chown", "root", `${STATE}/sm`, `${STATE}/sm.bak`),
  },
  {
    finding: "state-on-tmpfs",
    title: "the state directory is in memory",
    before: async ({ host }) => {
      await host.output("mount", "-t", "tmpfs", "none", STATE);
      await host.output("mkdir", `${STATE}/sm`, `${STATE}/sm.bak`);
      await host.output("chown", "nobody", `${STATE}/sm`, `${STATE}/sm.bak`);
    },
  },
  {
    finding: "state-number-even",
    title: "the state number is even",
    after: async ({ host }) => {
      const even = new Uint8Array(Int32Array.of(4).buffer);
      await host.write(`${STATE}/state`, even);
      await host.write("/proc/sys/fs/nfs/nsm_local_state", "4");
    },
  },
  {
    finding: "notify-list-left",
    title: "a peer was never told",
    after: (host) => host.putRecord("sm.bak", "10.99.0.9"),
  },
  {
    finding: "records-damaged",
    title: "a file holds something else",
    after: ({ host }) => host.write(`${STATE}/sm/10.99.0.9`, "garbage\n"),
  },
  {
    finding: "records-stale",
    title: "an old record is about a host that is no more",
    before: async (host) => {
      await host.putRecord("sm", "gone.example.net");
      await host.host.output("touch", "-d", "-40 days", `${STATE}/sm/gone.example.net`);
    },
  },
  {
    finding: "rpcbind-missing",
    title: "rpcbind has ended",
    after: ({ host }) => endRpcbind(host),
  },
  {
    finding: "rpcbind-silent",
    title: "rpcbind is stopped",
    after: async ({ host }) => {
      await endRpcbind(host);
      await host.output("/sbin/rpcbind"); // stopping one in the foreground would stop nsenter too
      await host.output("pkill", "-STOP", "-x", "rpcbind");
    },
  },
  {
    finding: "hosts-deny-loopback",
    title: "everybody is kept from rpcbind",
    after: ({ host }) => host.write("/etc/hosts.deny", "rpcbind: ALL\n"),
  },
  { finding: "statd-not-running", title: "nobody started it", isStatdMissing: true },
  {
    finding: "statd-silent",
    title: "statd is stopped",
    isStatdMissing: true,
    after: async ({ host }) => {
      await host.output(OUR_STATD, "--no-notify");
      await host.output("sh", "-c", "kill -STOP $(cat /run/rpc.statd.pid)");
    },
  },
  {
    finding: "statd-other-namespace",
    title: "statd runs in another network namespace",
    isStatdMissing: true,
    after: async (it) => {
      const command = [
        "unshare",
        "--net",
        "sh",
        "-c",
        `ip link set lo up; exec ${OUR_STATD} -F -d -L`,
      ];
      it.statd = it.host.start(...command);
      await it.statd.line(/Ready\./);
      await it.host.output("rpcinfo", "-d", "100024", "1");
    },
  },
  {
    finding: "statd-not-registered",
    title: "somebody takes the registration away",
    after: ({ host }) => host.output("rpcinfo", "-d", "100024", "1"),
  },
  {
    finding: "statd-other-directory",
    title: "nsmctl is told of another directory",
    after: ({ host }) => {
      const copy = `cd ${STATE} && mkdir other && cp -a sm sm.bak state other`;
      return host.output("sh", "-c", copy);
    },
    args: ["-P", `${STATE}/other`],
  },
  {
    finding: "statd-degraded",
    title: "the endpoint for metrics is in use",
    before: ({ host }) =>
      host.write("/etc/nfs.conf", "[statd]\nport=4050\nmetrics=192.0.2.1:9100\n"),
  },
  {
    finding: "own-address-filtered",
    title: "an own address leads nowhere",
    after: async ({ host }) => {
      await host.output("ip", "address", "add", "10.99.0.7/32", "dev", "lo");
      await host.output("ip", "route", "del", "local", "10.99.0.7", "table", "local");
      await host.output("ip", "route", "add", "blackhole", "10.99.0.7", "table", "local");
    },
  },
  {
    finding: "port-ephemeral",
    title: "the port is in the range of random ones",
    before: ({ host }) => host.write("/etc/nfs.conf", "[statd]\nport=40000\n"),
  },
  {
    finding: "lockd-not-registered",
    title: "the lock manager is gone from rpcbind",
    before: (host) => host.putRecord("sm", "10.99.0.9"),
    after: async ({ host }) => {
      for (const version of ["1", "3", "4"]) await host.output("rpcinfo", "-d", "100021", version);
    },
  },
  {
    finding: "lockd-no-module",
    title: "the kernel knows no lock manager",
    after: async ({ host }) => {
      for (const version of ["1", "3", "4"]) await host.output("rpcinfo", "-d", "100021", version);
      await host.output("rm", "-r", "/proc/sys/fs/nfs", "/proc/fs/lockd");
    },
  },
  {
    finding: "local-state-differs",
    title: "the kernel has an old number",
    after: ({ host }) => host.write("/proc/sys/fs/nfs/nsm_local_state", "1"),
  },
  {
    finding: "name-unresolvable",
    title: "the own name is in no list",
    after: ({ host }) => host.write("/etc/hosts", "127.0.0.1 localhost\n"),
  },
  {
    finding: "name-service-silent",
    title: "the name server takes questions and does not answer",
    after: async ({ host, agent }) => {
      const address = "127.0.0.53";
      await agent.serve({ program: 0, address, port: 53, conduct: "silent", isRegistered: false });
      await host.write("/etc/hosts", "127.0.0.1 localhost\n");
      await host.write("/etc/nsswitch.conf", "hosts: files dns\n");
      await host.write(
        "/etc/resolv.conf",
        `nameserver ${address}\noptions timeout:1 attempts:1\n`,
      );
    },
    examined: ({ agent }) => agent.called(1), // the question was taken
  },
  {
    finding: "name-not-qualified",
    title: "the own name has no domain",
    after: ({ host }) => host.write("/etc/hosts", `127.0.0.1 localhost\n${OWN_ADDRESS} ${name}\n`),
  },
  {
    finding: "name-reverse-mismatch",
    title: "the own address has another host's name",
    after: ({ host }) =>
      host.write(
        "/etc/hosts",
        `127.0.0.1 localhost\n${OWN_ADDRESS} other.example.net\n` +
          `${OWN_ADDRESS} ${name}.example.net ${name}\n`,
      ),
  },
  {
    finding: "unit-masked",
    title: "the unit of rpcbind is masked",
    after: async ({ host }) => {
      await host.output("mkdir", "-p", "/etc/systemd/system");
      await host.output("ln", "-sf", "/dev/null", "/etc/systemd/system/rpcbind.service");
    },
  },
  {
    finding: "config-faulty",
    title: "a setting has a bad value",
    after: ({ host }) => host.write("/etc/nfs.conf", "[statd]\nport=4050\ntcp=perhaps\n"),
  },
];

async function endRpcbind(host: TestHost): Promise<void> {
  await host.output("pkill", "-x", "rpcbind");
  const hasEnded = async () => (await host.run("pgrep", "-x", "rpcbind")).code !== 0;
  await eventually("rpcbind has ended", hasEnded);
}

const STATUS = { error: 4, warning: 1, note: 0 } as const;

for (const { finding, title, before, after, isStatdMissing, args = [], examined } of CASES) {
  systemTest(`doctor finds ${finding}, and nothing else: ${title}`, NEEDS, async (newHost) => {
    await using resources = new AsyncDisposableStack();
    const host = await NsmctlHost.create(newHost, resources);
    await before?.(host);
    if (!isStatdMissing) await host.startStatd();
    await after?.(host);
    const { code, stdout, stderr } = await host.run("doctor", "--json", ...args);
    assertEquals(stderr, "");
    const { findings } = JSON.parse(stdout) as { findings: { name: string; evidence: string }[] };
    assertEquals(findings.map((found) => found.name), [finding], JSON.stringify(findings));
    assertEquals(code, STATUS[FINDINGS[finding]]);
    await examined?.(host);
  });
}

systemTest("doctor finds nothing on a healthy host", NEEDS, async (newHost) => {
  await using resources = new AsyncDisposableStack();
  const host = await NsmctlHost.create(newHost, resources);
  await host.putRecord("sm", "10.99.0.9");
  await host.startStatd("--no-notify");
  assertEquals(await host.run("doctor"), { code: 0, stdout: "Nothing is wrong.\n", stderr: "" });
});

systemTest("doctor says what it cannot see without being root", NEEDS, async (newHost) => {
  await using resources = new AsyncDisposableStack();
  const host = await NsmctlHost.create(newHost, resources);
  await host.startStatd();
  const asNobody = ["setpriv", "--reuid=65534", "--clear-groups", OUR_NSMCTL, "doctor", "--json"];
  const { code, stdout } = await host.host.run(...asNobody);
  const { findings } = JSON.parse(stdout) as { findings: { name: string }[] };
  assertEquals(findings.map((found) => found.name), ["not-root"]);
  assertEquals(code, 0);
});

Deno.test("every finding of doctor has a case", { permissions: "none" }, () => {
  const tested = new Set<string>([...CASES.map(({ finding }) => finding), "not-root"]);
  assertEquals(tested, new Set(Object.keys(FINDINGS)));
});
