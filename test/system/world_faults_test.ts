/** Faults of the surroundings of a serving daemon: it continues, and recovers by itself. */

import { assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { message, mon, notify, nullCall, record, unmon } from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import {
  ask,
  FOREGROUND,
  registrations,
  startAll,
  startStatd,
  STATD,
  STATD_PORT,
} from "../support/statd.ts";
import { OUR_NSMCTL, OUR_START_STATD, OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_STATD, "/usr/sbin/rpcinfo"];
const DONE = "SUCCESS 00000000 00000003";
const REFUSED = "SUCCESS 00000001 ffffffff";
const REMOVED = "SUCCESS 00000003";
const QUIET = [...FOREGROUND, "--check-notify-source", "off"];

/**
 * Runs a program as the child of a shell, and returns its process id. nsenter(1) stops itself when
 * its child is stopped, and does not continue with it.
 */
async function startAside(host: TestHost, ...command: string[]): Promise<number> {
  const shell = host.start("sh", "-c", '"$@" & echo "pid $!"; wait', "sh", ...command);
  return Number((await shell.line(/^pid /)).slice("pid ".length));
}

systemTest(
  "a daemon that was suspended answers calls received meanwhile",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    const agent = new Agent(host);
    await host.startRpcbind();
    const pid = await startAside(host, OUR_STATD, ...FOREGROUND);
    await eventually("statd is registered", async () => (await registrations(host)).length === 4);
    await host.kill(pid, "STOP");
    const asked = [ask(agent, mon({ monName: "10.99.9.1" })), ask(agent, nullCall)];
    await host.kill(pid, "CONT");
    assertEquals(await Promise.all(asked), [DONE, "SUCCESS"]);
    assertEquals((await registrations(host)).length, 4);
    await host.kill(pid, "TERM");
    await eventually("statd has ended", async () => !await host.isAlive(pid));
  },
);

systemTest("a silent rpcbind delays no call", NEEDS, async (newHost) => {
  const host = await newHost();
  const agent = new Agent(host);
  const rpcbind = await startAside(host, "/sbin/rpcbind", "-f");
  await eventually("rpcbind serves", async () => (await host.run("rpcinfo")).code === 0);
  await agent.serve();
  const statd = await startStatd(host, QUIET);
  await host.kill(rpcbind, "STOP");
  assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), DONE);
  assertEquals(await ask(agent, notify("10.99.9.1", 5)), "SUCCESS");
  const { records } = await agent.stream([record(message(nullCall))], 1, STATD);
  assertEquals(records.length, 1);
  await host.kill(rpcbind, "CONT");
  await agent.called(1);
  assertEquals(await ask(agent, unmon({ monName: "10.99.9.1" })), REMOVED);
  assertEquals((await registrations(host)).length, 4);
  assertEquals(await statd.stop(), 0);
});

systemTest("the next statd replaces another program's registrations", NEEDS, async (newHost) => {
  const host = await newHost();
  const { statd, agent } = await startAll(host);
  // The registration now belongs to another program, at a port that gives no answer.
  await agent.serve({ program: 100024, versions: [1], conduct: "silent" });
  assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), DONE);
  await statd.stop("KILL");
  await startStatd(host);
  const ours = await registrations(host);
  assertEquals(ours.filter((line) => line.includes(".15.210")).length, 4, ours.join("\n"));
});

systemTest("a hung rpcbind delays only the start of statd", NEEDS, async (newHost) => {
  const host = await newHost();
  const agent = new Agent(host);
  const rpcbind = await startAside(host, "/sbin/rpcbind", "-f");
  await eventually("rpcbind serves", async () => (await host.run("rpcinfo")).code === 0);
  await host.kill(rpcbind, "STOP");
  const statd = await startStatd(host);
  assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), DONE);
  await statd.line(/Not registered with rpcbind, trying again: .*no answer/);
  await host.kill(rpcbind, "CONT");
  await statd.line(/: Registered with rpcbind/);
  assertEquals((await registrations(host)).length, 4);
  assertEquals(await statd.stop(), 0);
});

/** Events that restore a registration removed by root from a running rpcbind. */
const REMINDERS: Readonly<Record<string, (host: TestHost, statd: number) => Promise<unknown>>> = {
  "SIGHUP": (host, statd) => host.kill(statd, "HUP"),
  "a mount's start-statd": (host) => host.output(OUR_START_STATD),
};

for (const [reminder, remind] of Object.entries(REMINDERS)) {
  systemTest(`a registration that root removed is made at ${reminder}`, NEEDS, async (newHost) => {
    const host = await newHost();
    const { statd, agent } = await startAll(host);
    const before = await registrations(host);
    await host.output("rpcinfo", "-d", "100024", "1");
    assertEquals(await registrations(host), []);
    assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), DONE);
    await remind(host, await statd.pid);
    await statd.line(/Another program changed our registration .* is gone; registering again/);
    await eventually("statd is registered again", async () => {
      return (await registrations(host)).join() === before.join();
    });
    assertEquals(await statd.stop(), 0);
    assertEquals(await registrations(host), []);
  });
}

systemTest(
  "a registration replaced by another program is made again once it is free",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    const { statd, agent } = await startAll(host);
    const before = await registrations(host);
    await agent.serve({ program: 100024, versions: [1], conduct: "silent" });
    await statd.kill("HUP");
    await statd.line(
      /Not registered with rpcbind, trying again: .*; another program has registered it/,
    );
    const others = (await registrations(host)).filter((line) => line.includes(".15.210"));
    assertEquals(others, before.filter((line) => !line.startsWith("1 udp ")));
    const status = await host.run(OUR_NSMCTL, "status");
    assertEquals(status.code, 1);
    assertMatch(
      status.stdout,
      /Health +failed: not registered: rpcbind refuses udp .*; another program has registered it/,
    );
    await host.output("rpcinfo", "-d", "100024", "1");
    await statd.line(/Registered with rpcbind/);
    assertEquals(await registrations(host), before);
    assertEquals(await statd.stop(), 0);
  },
);

systemTest("addresses may come, go and come back", NEEDS, async (newHost) => {
  const host = await newHost({ addresses: ["10.99.0.1/32"] });
  const { statd, agent } = await startAll(host);
  // To statd, this address may belong to another host.
  const source = { address: "10.99.0.1" };
  const from = async (address: string) => {
    const to = { address, port: STATD_PORT };
    return (await agent.datagram(message(nullCall), to, source)).from.address;
  };
  for (const address of ["10.99.0.2", "10.99.0.3", "10.99.0.2"]) {
    await host.output("ip", "address", "add", `${address}/32`, "dev", "lo");
    await eventually(`${address} answers`, async () => await from(address) === address);
    await host.output("ip", "address", "del", `${address}/32`, "dev", "lo");
    assertEquals(await ask(agent, mon({ monName: address })), DONE);
  }
  assertEquals(await from("10.99.0.1"), "10.99.0.1");
  assertEquals(await statd.stop(), 0);
});

systemTest("the loopback device may go down and come back", NEEDS, async (newHost) => {
  const host = await newHost();
  const { statd, agent } = await startAll(host);
  assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), DONE);
  await host.output("ip", "link", "set", "lo", "down");
  await host.output("ip", "link", "set", "lo", "up");
  assertEquals(await ask(agent, notify("10.99.9.1", 5)), "SUCCESS");
  await agent.called(1);
  const ipv6 = await agent.stream([record(message(nullCall))], 1, { ...STATD, address: "::1" });
  assertEquals(ipv6.records.length, 1);
  assertEquals((await registrations(host)).length, 4);
  assertEquals(await statd.stop(), 0);
});

systemTest("a state directory may be moved away and back", NEEDS, async (newHost) => {
  const host = await newHost();
  const agent = new Agent(host);
  await host.output("cp", "-a", STATE_DIRECTORY, "/run/state");
  const statd = await startStatd(host, [...QUIET, "-P", "/run/state"]);
  assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), DONE);
  await host.output("mv", "/run/state", "/run/elsewhere");
  assertEquals(await ask(agent, mon({ monName: "10.99.9.2" })), REFUSED);
  await statd.line(/STAT_FAIL .*10\.99\.9\.2.*No such file or directory/);
  assertEquals(await ask(agent, nullCall), "SUCCESS");
  await host.output("mv", "/run/elsewhere", "/run/state");
  assertEquals(await ask(agent, mon({ monName: "10.99.9.2" })), DONE);
  assertEquals(await ask(agent, unmon({ monName: "10.99.9.1" })), REMOVED);
  assertEquals(await host.output("ls", "/run/state/sm"), "10.99.9.2\n");
  assertEquals(await statd.stop(), 0);
});

systemTest("a lock manager that unregistered is told once it is back", NEEDS, async (newHost) => {
  const host = await newHost();
  const agent = new Agent(host);
  await host.startRpcbind();
  await agent.serve();
  const statd = await startStatd(host, QUIET);
  assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), DONE);
  assertEquals(await ask(agent, notify("10.99.9.1", 5)), "SUCCESS");
  await agent.called(1);
  // As after the last unmount: the lock manager's port is silent, and rpcbind has no entry.
  await agent.serve({ isRegistered: false, conduct: "silent" });
  for (const version of ["1", "3", "4"]) await host.output("rpcinfo", "-d", "100021", version);
  assertEquals(await ask(agent, notify("10.99.9.1", 7)), "SUCCESS");
  await statd.line(/Cannot tell lock manager .* that peer "10\.99\.9\.1" has state 7/);
  await agent.serve();
  await agent.called(2);
  await statd.line(/Told lock manager .* that peer "10\.99\.9\.1" has state 7/);
  assertEquals(await statd.stop(), 0);
});

systemTest("a lock manager is found wherever it is now", NEEDS, async (newHost) => {
  const host = await newHost();
  const agent = new Agent(host);
  await host.startRpcbind();
  const statd = await startStatd(host, QUIET);
  const ports = new Set<number>();
  assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), DONE);
  for (let state = 5; state <= 7; state += 2) {
    ports.add(await agent.serve());
    assertEquals(await ask(agent, notify("10.99.9.1", state)), "SUCCESS");
    await agent.called((state - 3) / 2);
  }
  assertEquals(new Set(agent.calls.map(({ port }) => port)), ports);
  assertEquals(await statd.stop(), 0);
});

systemTest("names come from the present files", NEEDS, async (newHost) => {
  const host = await newHost();
  const agent = new Agent(host);
  await host.startRpcbind();
  await agent.serve();
  const statd = await startStatd(host);
  assertEquals(await ask(agent, mon({ monName: "early.example" })), DONE);
  await statd.line(/Cannot look up peer "early\.example"/);
  // As when a network comes up: both files are new.
  await host.write("/etc/resolv.conf", "# no name server\n");
  await host.write("/etc/hosts", "127.0.0.1 localhost\n127.0.0.9 late.example late\n");
  assertEquals(await ask(agent, mon({ monName: "late.example" })), DONE);
  await statd.line(/Peer "late\.example" is also known as/);
  assertEquals(await ask(agent, notify("late", 5)), "SUCCESS");
  await agent.called(1);
  assertEquals(await statd.stop(), 0);
});

systemTest("a daemon logs again once the log's socket is back", NEEDS, async (newHost) => {
  const host = await newHost();
  const agent = new Agent(host);
  await host.hideDevices();
  const listen = "import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n" +
    "s.bind('/dev/log')\nimport os\nos.chmod('/dev/log',0o666)\nprint('listening',flush=True)\n" +
    "while True: print(s.recv(4096).decode(),flush=True)";
  const logger = host.start("python3", "-c", listen);
  await logger.line(/listening/);
  const statd = host.start(OUR_STATD, ...FOREGROUND.filter((option) => option !== "-d"));
  await logger.line(/Ready\./);
  await logger.stop("KILL");
  await host.output("rm", "/dev/log");
  assertEquals(await ask(agent, unmon({ monName: "10.99.9.1" })), REMOVED);
  const later = host.start("python3", "-c", listen);
  await later.line(/listening/);
  assertEquals(await ask(agent, unmon({ monName: "10.99.9.2" })), REMOVED);
  await later.line(/10\.99\.9\.2.*messages lost before this one: 1/);
  assertEquals(await statd.stop(), 0);
});
