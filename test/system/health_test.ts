/**
 * Operator, section B: status names a cause outside of the daemon within seconds. Text, exit status
 * and metrics follow from one verdict.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { message, mon } from "../support/nsm_calls.ts";
import { NsmctlHost, OUR_NSMCTL, STATD_PORT } from "../support/nsmctl_host.ts";
import { eventually } from "../support/patience.ts";
import { readMetrics } from "../support/prometheus_text.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const STATD = { address: "127.0.0.1", port: STATD_PORT };
const METRICS = "127.0.0.1:9199";
const NEEDS = [OUR_NSMCTL, OUR_STATD, "/usr/bin/curl"];

/** Waits until status reports a fault; checks exit statuses and metrics. */
async function isTold(host: NsmctlHost, fault: RegExp): Promise<void> {
  await eventually(
    `status says ${fault}`,
    async () => fault.test((await host.run("status")).stdout),
  );
  assertEquals((await host.run("status", "--quiet")).code, 1);
  const { code, stdout } = await host.run("check");
  assertEquals(code, 1);
  assertMatch(stdout, /^NSM WARNING - /);
  const text = await host.host.output("curl", "-sS", `http://${METRICS}/metrics`);
  assertEquals(readMetrics(text).get("nsm_health")!.samples.get(""), 1);
}

systemTest("a hung callout shows in the health", NEEDS, async (newHost) => {
  await using resources = new AsyncDisposableStack();
  const host = await NsmctlHost.create(newHost, resources, {
    etc: { "nfs.conf": `[statd]\nport=${STATD_PORT}\nmetrics=${METRICS}\nha-callout=/run/ha\n` },
  });
  await host.host.write("/run/ha", "#!/bin/sh\nexec sleep 600\n");
  await host.host.output("chmod", "755", "/run/ha");
  await host.startStatd();
  await host.agent.flood([message(mon({ monName: "10.99.0.9" }))], STATD);
  await isTold(host, /^Health +degraded: HA callout "\/run\/ha" has run for \d+ s/m);
});

systemTest("a silent name service shows in the health", NEEDS, async (newHost) => {
  await using resources = new AsyncDisposableStack();
  const host = await NsmctlHost.create(newHost, resources, {
    etc: {
      "nfs.conf": `[statd]\nport=${STATD_PORT}\nmetrics=${METRICS}\n`,
      "nsswitch.conf": "hosts: files dns\n",
      "resolv.conf": "nameserver 127.0.0.53\noptions timeout:1 attempts:1\n",
    },
  });
  const nameServer = new Agent(host.host);
  const silent = { program: 0, port: 53, conduct: "silent", isRegistered: false } as const;
  await nameServer.serve({ ...silent, address: "127.0.0.53" });
  await host.startStatd();
  await host.agent.datagram(message(mon({ monName: "peer.example.net" })), STATD);
  await isTold(host, /^Health +degraded: names of peers, 1 in number, cannot be looked up: /m);
});
