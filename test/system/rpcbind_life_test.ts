/** rpcbind over time: restarts, another rpcbind, statd that starts it, privileges, limits. */

import { assert, assertEquals } from "@std/assert";
import type { TestHost } from "../support/namespace.ts";
import { eventually } from "../support/patience.ts";
import { FOREGROUND, READY, registrations } from "../support/statd.ts";
import { DEBIAN_RPCBIND, OUR_RPCBIND, OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [DEBIAN_RPCBIND, OUR_RPCBIND, "/usr/sbin/rpcinfo", "/usr/bin/python3"];
/**
 * Registers program 300001 version 1 at UDP port 2049, over the UNIX socket, as a user; prints 1. A
 * leading @ makes the path an abstract name.
 */
const REGISTER = `
import os, socket, struct, sys
path, uid = sys.argv[1:]; os.setuid(int(uid))
def text(s): return struct.pack(">I", len(s)) + s + bytes(-len(s) % 4)
call = struct.pack(">10I", 7, 0, 2, 100000, 4, 1, 0, 0, 0, 0) + struct.pack(">2I", 300001, 1)
call += text(b"udp") + text(b"0.0.0.0.8.1") + text(b"")
s = socket.socket(socket.AF_UNIX); s.connect(path.replace("@", chr(0)))
s.sendall(struct.pack(">I", 0x80000000 | len(call)) + call)
print(s.recv(1000)[-1])
`;

const SOCKET = "/run/rpcbind.sock";

async function register(host: TestHost, path = SOCKET, uid = 0): Promise<void> {
  assertEquals(await host.output("python3", "-c", REGISTER, path, String(uid)), "1\n");
}

/** Registrations other than rpcbind's own. */
async function others(host: TestHost): Promise<string[]> {
  const listed = await host.output("rpcinfo");
  return listed.split("\n").map((line) => line.trim().split(/\s+/).join(" "))
    .filter((line) => /^\d/.test(line) && !line.startsWith("100000"));
}

async function isRegistered(host: TestHost): Promise<boolean> {
  try {
    return (await registrations(host)).length === 4;
  } catch {
    return false; // no rpcbind yet
  }
}

const REGISTERED = ["300001 1 udp 0.0.0.0.8.1 - superuser"];

systemTest(
  "rpcbind -w keeps registrations over SIGTERM and kill -9",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    for (const signal of ["TERM", "KILL"] as const) {
      const first = await host.startRpcbind(OUR_RPCBIND, "-w");
      await register(host);
      await first.stop(signal);
      const second = await host.startRpcbind(OUR_RPCBIND, "-w");
      assertEquals(await others(host), REGISTERED);
      await second.stop();
    }
    await host.write("/run/rpcbind/boot_id", "another boot");
    await host.startRpcbind(OUR_RPCBIND, "-w");
    assertEquals(await others(host), [], "after a reboot nothing is where it was");
  },
);

systemTest("Debian's rpcbind -w and ours take over from each other", NEEDS, async (newHost) => {
  const host = await newHost();
  const ours = await host.startRpcbind(OUR_RPCBIND, "-w");
  await register(host);
  assertEquals((await host.run(DEBIAN_RPCBIND, "-w", "-f")).code, 1, "one at a time");
  assertEquals(await ours.stop(), 0);
  const debian = await host.startRpcbind(DEBIAN_RPCBIND, "-w");
  assertEquals(await others(host), REGISTERED);
  assertEquals((await host.run(OUR_RPCBIND, "-w", "-f")).code, 1, "one at a time");
  await debian.stop();
  await host.startRpcbind(OUR_RPCBIND, "-w");
  assertEquals(await others(host), REGISTERED);
});

systemTest("rpcbind --stand-in ends with 0 for another rpcbind, which gets the port", NEEDS, async (
  newHost,
) => {
  const host = await newHost();
  const ours = await host.startRpcbind(OUR_RPCBIND, "-w", "-d", "--stand-in");
  await register(host);
  await host.output("cat", "/run/rpcbind.lock"); // a reader that is no rpcbind has no effect
  await eventually("it has the lease again", async () => {
    return (await host.output("cat", "/proc/locks")).includes("LEASE");
  });
  await host.startRpcbind(DEBIAN_RPCBIND, "-w");
  assertEquals(await ours.ended, 0);
  assert(ours.report().includes("Stepping aside for another rpcbind"), ours.report());
  assertEquals(await others(host), REGISTERED);
  await host.output("rpcinfo", "-T", "udp", "127.0.0.1", "100000", "4");
});

systemTest("rpcbind --stand-in steps aside even if it sees no process of root", NEEDS, async (
  newHost,
) => {
  const host = await newHost();
  await host.output("mount", "-o", "remount,hidepid=2", "/proc");
  const ours = await host.startRpcbind(OUR_RPCBIND, "-w", "-d", "--stand-in");
  for (let call = 0; call < 2; call++) { // datagrams raise the same signal as the lease
    await host.output("rpcinfo", "-T", "udp", "127.0.0.1", "100000", "4");
  }
  assertEquals(ours.hasEnded, false);
  await host.startRpcbind(DEBIAN_RPCBIND, "-w");
  assertEquals(await ours.ended, 0);
});

systemTest(
  "statd is registered with every successor of its stand-in rpcbind",
  NEEDS,
  async (newHost) => {
    const host = await newHost({ etc: { "nfs.conf": "[rpcbind]\nmode = auto\n" } });
    const statd = host.start(OUR_STATD, ...FOREGROUND);
    await eventually("statd is registered", () => isRegistered(host));
    const debian = await host.startRpcbind(DEBIAN_RPCBIND, "-w");
    await eventually("statd is registered with Debian's", () => isRegistered(host));
    await debian.stop();
    await statd.line(/Not registered with rpcbind, trying again/);
    await host.startRpcbind(OUR_RPCBIND, "-w");
    await eventually("statd is registered again", () => isRegistered(host));
    assertEquals(await statd.stop(), 0);
  },
);

systemTest("rpcbind is found by its abstract name, and knows its callers there", NEEDS, async (
  newHost,
) => {
  const host = await newHost();
  await host.startRpcbind(OUR_RPCBIND, "-w");
  await register(host, `@${SOCKET}`, 1234);
  assertEquals(await others(host), ["300001 1 udp 0.0.0.0.8.1 - 1234"]);
});

/** Takes the abstract name, as any user can. */
const TAKE = `
import socket, time
s = socket.socket(socket.AF_UNIX); s.bind(chr(0) + "/run/rpcbind.sock"); s.listen()
print("ready", flush=True); time.sleep(1000)
`;

systemTest("rpcbind reports that another program has its abstract name", NEEDS, async (newHost) => {
  const host = await newHost();
  await host.start("python3", "-c", TAKE).line(/^ready$/);
  const rpcbind = await host.startRpcbind(OUR_RPCBIND, "-w", "-d");
  await rpcbind.line(/Another program may answer for us at @\/run\/rpcbind\.sock, .*in use/);
});

systemTest("rpcbind --stand-in ends when its socket is replaced", NEEDS, async (newHost) => {
  const host = await newHost();
  const ours = await host.startRpcbind(OUR_RPCBIND, "-w", "-d", "--stand-in");
  await host.output("rm", "/run/rpcbind.sock");
  assertEquals(await ours.ended, 0);
});

systemTest(
  "rpcbind serves as a user of its own, without any capability",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    const rpcbind = await host.startRpcbind(OUR_RPCBIND, "-w", "-d");
    await rpcbind.line(READY);
    const pid = (await host.output("pidof", "rpcbind")).trim();
    const status = await host.output("cat", `/proc/${pid}/status`);
    const owner = Deno.statSync(host.path("/run/rpcbind"));
    assert(owner.uid! > 0);
    const field = (name: string) =>
      new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(status)?.[1]?.trim();
    assertEquals(field("Uid")?.split(/\s+/), new Array(4).fill(String(owner.uid)));
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
      assertEquals(field(set), "0000000000000000", set);
    }
    assertEquals([field("NoNewPrivs"), field("Groups")], ["1", ""]);
  },
);

systemTest("statd with mode = auto starts rpcbind if none runs", NEEDS, async (newHost) => {
  const host = await newHost({ etc: { "nfs.conf": "[rpcbind]\nmode = auto\n" } });
  const statd = host.start(OUR_STATD, ...FOREGROUND);
  await eventually("statd is registered", () => isRegistered(host));
  assertEquals(await statd.stop(), 0);
  const again = host.start(OUR_STATD, ...FOREGROUND);
  await eventually("statd is registered", () => isRegistered(host));
  await again.stop();
  await host.output("rpcinfo", "-T", "udp", "127.0.0.1", "100000", "4"); // rpcbind is still there
});

systemTest("statd with mode = auto leaves Debian's rpcbind alone", NEEDS, async (newHost) => {
  const host = await newHost({ etc: { "nfs.conf": "[rpcbind]\nmode = auto\n" } });
  const debian = await host.startRpcbind(DEBIAN_RPCBIND);
  const statd = host.start(OUR_STATD, ...FOREGROUND);
  await eventually("statd is registered", () => isRegistered(host));
  assertEquals((await host.output("pidof", "rpcbind")).trim().split(" ").length, 1);
  await statd.stop();
  await debian.stop();
});

systemTest("rpcbind applies the rules of hosts.deny for its own name", NEEDS, async (newHost) => {
  const host = await newHost({
    addresses: ["10.9.0.1/24"],
    strangers: ["10.98.0.0/24"],
    etc: { "hosts.deny": "rpcbind: 10.98.0.5\nstatd: ALL\n" },
  });
  await host.startRpcbind(OUR_RPCBIND, "-w");
  const answers = async (source: string) =>
    (await host.output("python3", "-c", ASK, source)).trim();
  assertEquals(await answers("10.98.0.6"), "accepted");
  assertEquals(await answers("10.98.0.5"), "denied");
  assertEquals(await answers("127.0.0.1"), "accepted");
});

/** Asks for a port over UDP from a source address. */
const ASK = `
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((sys.argv[1], 0)); s.settimeout(20)
s.connect(("127.0.0.1" if sys.argv[1] == "127.0.0.1" else "10.9.0.1", 111))
s.send(struct.pack(">14I", 7, 0, 2, 100000, 2, 3, 0, 0, 0, 0, 100000, 2, 17, 0))
print("denied" if s.recv(1000)[11] else "accepted")
`;
