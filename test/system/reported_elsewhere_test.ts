/** Reports by users of other programs, and of ours on other machines, that no other file covers. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { mon, notify } from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import { ask, startStatd } from "../support/statd.ts";
import {
  DEBIAN_RPCBIND,
  OUR_NSMCTL,
  OUR_START_STATD,
  OUR_STATD,
  systemTest,
} from "../support/system_test.ts";

const SYSTEMCTL = "/usr/bin/systemctl";

/** Monitored name, and name and source of the next notice. */
const NOTICES = [
  ["realworld F1", "10.66.0.2 nodeb.example.net nodeb", "nodeb", "nodeb.example.net", "10.66.0.2"],
  ["field 3", "127.0.1.1 server1.example.com server1", "server1", "server1.example.com"],
] as const;

for (const [number, hosts, monName, announced, from] of NOTICES) {
  systemTest(
    `${number}: a notice right after SM_MON is matched once the names are known`,
    [OUR_STATD],
    async (newHost) => {
      const host = await newHost({ hosts: [hosts] });
      await host.startRpcbind();
      if (from !== undefined) await host.output("ip", "addr", "add", `${from}/32`, "dev", "lo");
      const agent = new Agent(host);
      await agent.serve();
      const statd = await startStatd(host);
      assertMatch(await ask(agent, mon({ monName })), /^SUCCESS 00000000/);
      assertEquals(await ask(agent, notify(announced, 9)), "SUCCESS");
      await agent.called(1);
      assertEquals(await statd.stop(), 0);
    },
  );
}

systemTest(
  "field 9: systemctl isolate leaves a unit started by start-statd alone, as with nfs-utils",
  [OUR_START_STATD, SYSTEMCTL],
  async (newHost) => {
    const host = await newHost();
    await host.output("mkdir", "-p", "/run/systemd/system");
    await host.write("/run/systemctl", '#!/bin/sh\necho "$@" >>/run/asked\n');
    await host.output("chmod", "755", "/run/systemctl");
    await host.output("mount", "--bind", "/run/systemctl", SYSTEMCTL);
    assertEquals((await host.run(OUR_START_STATD)).code, 0);
    assertEquals((await host.output("cat", "/run/asked")).trim().split("\n"), [
      "start rpc-statd.service",
      "add-wants --runtime remote-fs.target rpc-statd.service",
    ]);
  },
);

systemTest(
  "portability 8: an rpcbind without a port is reported, and so is /etc/services",
  [OUR_STATD, OUR_NSMCTL, DEBIAN_RPCBIND],
  async (newHost) => {
    const host = await newHost();
    // A minimal system lacks the files of netbase.
    for (const path of ["/etc/services", "/etc/protocols"]) await host.output("rm", "-f", path);
    await host.output(DEBIAN_RPCBIND, "-w");
    const statd = await startStatd(host);
    const { stdout } = await host.run(OUR_NSMCTL, "doctor", "--json");
    const { findings } = JSON.parse(stdout);
    const [found] = findings.filter(({ name }: { name: string }) => /rpcbind|regist/.test(name));
    assertEquals(found.name, "rpcbind-unreachable");
    assertStringIncludes(found.evidence, "/etc/services does not name the port");
    for (const command of found.commands) await host.output("sh", "-c", command);
    await eventually("statd is registered for askers of version 2", async () => {
      return /100024 .* 4050 /.test((await host.run("rpcinfo", "-p")).stdout);
    });
    const again = await host.run(OUR_NSMCTL, "doctor");
    assertEquals(/rpcbind|regist/.test(again.stdout), false, again.stdout);
    assertEquals(await statd.stop(), 0);
  },
);
