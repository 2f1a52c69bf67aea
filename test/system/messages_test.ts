/** Messages of statd to the service manager and the log daemon, at stand-ins of their sockets. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { DatagramListener } from "../support/datagram_listener.ts";
import { mon, notify, unmon } from "../support/nsm_calls.ts";
import { ask, FOREGROUND, STATD_PORT } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_STATD];
const NOTIFY_SOCKET = "/run/notify.sock";
const MONITORED = "SUCCESS 00000000 00000003";

systemTest("the service manager is informed of start, reload and stop", NEEDS, async (newHost) => {
  const host = await newHost();
  using manager = new DatagramListener(host, NOTIFY_SOCKET);
  const variable = `NOTIFY_SOCKET=${NOTIFY_SOCKET}`;
  const statd = host.start("/usr/bin/env", variable, OUR_STATD, ...FOREGROUND);
  const ready = await manager.message(/^READY=1$/m);
  assertMatch(
    ready,
    /^STATUS=Serving program 100024 on udp 4050, udp6 4050, tcp 4050, tcp6 4050$/m,
  );
  await statd.kill("HUP");
  await manager.message(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);
  await statd.line(/Settings read again/);
  await manager.message(/^READY=1$/m);
  assertEquals(await statd.stop(), 0);
  await manager.message(/^STOPPING=1$/);
  const kinds = manager.messages.map((message) => message.split("=", 1)[0]);
  assertEquals(kinds, ["READY", "RELOADING", "READY", "STOPPING"]);
});

/** Message to the log daemon: priority of facility daemon, time, program and process id. */
const LINE = /^<(\d+)>\w{3} [ \d]\d \d\d:\d\d:\d\d rpc\.statd\[(\d+)\]: (.*)$/;

systemTest(
  "the log daemon gets priority, program, pid and escaped text",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    await host.hideDevices();
    using syslog = new DatagramListener(host, "/dev/log");
    const quiet = FOREGROUND.filter((option) => option !== "-d");
    const statd = host.start(OUR_STATD, ...quiet);
    await syslog.message(/Ready\./);
    const agent = new Agent(host);
    assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), MONITORED);
    await ask(agent, unmon({ monName: "a\nb%n\x1b[31m" }));
    const warning = await syslog.message(/erroneous SM_UNMON/);
    const [, priority, pid, text] = LINE.exec(warning)!;
    assertEquals([priority, pid], ["28", String(await statd.pid)]);
    assertMatch(text!, /for "a\\x0ab%n\\x1b\[31m"/);
    assert(syslog.messages.every((message) => LINE.test(message)), syslog.messages.join("\n"));
    assertEquals(LINE.exec(await syslog.message(/Ready\./))![1], "29");
    assertEquals(await statd.stop(), 0);
  },
);

systemTest("a daemon in the background logs to the log daemon", NEEDS, async (newHost) => {
  const host = await newHost();
  await host.hideDevices();
  using syslog = new DatagramListener(host, "/dev/log");
  await host.output(OUR_STATD, "--no-notify", "-p", String(STATD_PORT));
  const ready = await syslog.message(/Ready\./);
  const pid = Deno.readTextFileSync(host.path("/run/rpc.statd.pid")).trim();
  assertEquals(LINE.exec(ready)![2], pid);
});

systemTest("messages are JSON on request", NEEDS, async (newHost) => {
  const host = await newHost();
  await host.write("/etc/nfs.conf", "[statd]\nlog-format = json\n");
  const statd = host.start(OUR_STATD, ...FOREGROUND);
  const { level, program, message } = JSON.parse(await statd.line(/Ready\./));
  assertEquals([level, program], ["notice", "rpc.statd"]);
  assertMatch(message, /^Ready\. Serving program 100024/);
  assertEquals(await statd.stop(), 0);
});

systemTest("operator D27: the log answers an operator's questions", NEEDS, async (newHost) => {
  const host = await newHost();
  await host.startRpcbind();
  const quiet = FOREGROUND.filter((option) => option !== "-d");
  await host.hideDevices();
  using syslog = new DatagramListener(host, "/dev/log");
  const statd = host.start(OUR_STATD, ...quiet);
  await syslog.message(/: Monitoring 0 peers, as 0 requests want$/);
  const agent = new Agent(host);
  await agent.serve();
  assertEquals(await ask(agent, mon({ monName: "127.0.0.1" })), MONITORED);
  await ask(agent, notify("127.0.0.1", 23));
  await syslog.message(
    /: Peer "127\.0\.0\.1" rebooted \(state 23, from 127\.0\.0\.1\); lock manager told in \d+ ms$/,
  );
  assertEquals(await statd.stop(), 0);
  await syslog.message(/: Stopping: SIGTERM$/);
});
