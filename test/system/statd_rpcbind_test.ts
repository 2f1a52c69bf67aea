/** statd with Debian's rpcbind: four transports, a late rpcbind, a restarted one. */

import { assertEquals } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import type { TestHost } from "../support/namespace.ts";
import { nullCall } from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import { ask, FOREGROUND, LOCALHOST, registrations, startStatd } from "../support/statd.ts";
import { OUR_NSMCTL, OUR_RPCBIND, OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_STATD, "/usr/sbin/rpcinfo"];

/** Lines of rpcinfo while statd serves on port 4050 as the given user. */
function all(owner: number): string[] {
  return [
    `1 tcp 0.0.0.0.15.210 ${owner}`,
    `1 tcp6 ::.15.210 ${owner}`,
    `1 udp 0.0.0.0.15.210 ${owner}`,
    `1 udp6 ::.15.210 ${owner}`,
  ];
}

/** User that statd becomes. */
function ownerOf(host: TestHost): number {
  return Deno.statSync(host.path("/var/lib/nfs/sm")).uid!;
}

async function isRegistered(host: TestHost): Promise<boolean> {
  return (await registrations(host)).length === 4;
}

systemTest(
  "rpcinfo sees and reaches statd over four transports until SIGTERM",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    await host.startRpcbind();
    const statd = await startStatd(host);
    assertEquals(await registrations(host), all(ownerOf(host)));
    for (
      const [netid, address] of [["udp", LOCALHOST], ["tcp", LOCALHOST], ["udp6", "::1"], [
        "tcp6",
        "::1",
      ]]
    ) {
      const answer = await host.output("rpcinfo", "-T", netid!, address!, "100024", "1");
      assertEquals(answer, "program 100024 version 1 ready and waiting\n");
    }
    const portmap = await host.output("rpcinfo", "-p", LOCALHOST);
    assertEquals(
      portmap.match(/ 100024 .*/g)?.map((line) => line.trim().split(/\s+/).slice(0, 4)),
      [
        ["100024", "1", "udp", "4050"],
        ["100024", "1", "tcp", "4050"],
      ],
    );
    assertEquals(await statd.stop(), 0);
    assertEquals(await registrations(host), []);
  },
);

systemTest("statd leaves other programs' registrations alone", NEEDS, async (newHost) => {
  const host = await newHost();
  await host.startRpcbind();
  await new Agent(host).serve();
  const before = await registrations(host, 100021);
  const statd = await startStatd(host);
  assertEquals(await statd.stop(), 0);
  assertEquals(before.length, 3);
  assertEquals(await registrations(host, 100021), before);
});

systemTest(
  "without rpcbind statd serves, says so once, and registers once rpcbind runs",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    const statd = await startStatd(host);
    assertEquals(await ask(new Agent(host), nullCall), "SUCCESS");
    await host.startRpcbind();
    await statd.line(/Registered with rpcbind/);
    assertEquals(await registrations(host), all(ownerOf(host)));
    const complaints = statd.lines.filter((line) => /not registered with rpcbind/i.test(line));
    assertEquals(complaints.length, 1, complaints.join("\n"));
    assertEquals(await statd.stop(), 0);
    assertEquals(await registrations(host), []);
  },
);

for (const signal of ["TERM", "KILL"]) {
  systemTest(
    `statd registers again after SIG${signal} to rpcbind and its restart`,
    NEEDS,
    async (newHost) => {
      const host = await newHost();
      const rpcbind = await host.startRpcbind();
      const statd = await startStatd(host);
      await rpcbind.stop(signal);
      await host.startRpcbind();
      await eventually("statd is registered again", () => isRegistered(host));
      assertEquals(await registrations(host), all(ownerOf(host)));
      assertEquals(await statd.stop(), 0);
      assertEquals(await registrations(host), []);
    },
  );
}

systemTest("statd stops cleanly without rpcbind", NEEDS, async (newHost) => {
  const host = await newHost();
  const rpcbind = await host.startRpcbind();
  const statd = await startStatd(host);
  await rpcbind.stop("KILL");
  assertEquals(await statd.stop(), 0);
});

systemTest("statd replaces a killed one's registrations", NEEDS, async (newHost) => {
  const host = await newHost();
  await host.startRpcbind();
  const killed = await startStatd(host, [...FOREGROUND, "-p", "4051"]);
  await killed.stop("KILL");
  assertEquals((await registrations(host)).length, 4);
  await startStatd(host);
  assertEquals(await registrations(host), all(ownerOf(host)));
});

systemTest(
  "field 13: if rpcbind is reachable over loopback only, IPv6 is registered too",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    await host.startRpcbind();
    await host.output("mv", "/run/rpcbind.sock", "/run/hidden.sock");
    const statd = await startStatd(host);
    await host.output("mv", "/run/hidden.sock", "/run/rpcbind.sock");
    const netids = (lines: string[]) => lines.map((line) => line.split(" ").slice(0, 3).join(" "));
    assertEquals(netids(await registrations(host)), netids(all(0)));
    await host.output("mv", "/run/rpcbind.sock", "/run/hidden.sock");
    assertEquals(await statd.stop(), 0);
    await host.output("mv", "/run/hidden.sock", "/run/rpcbind.sock");
    assertEquals(await registrations(host), []);
  },
);

/** List of transports of an administrator without IPv6. */
const IPV4_ALONE = `udp tpi_clts v inet udp - -
tcp tpi_cots_ord v inet tcp - -
local tpi_cots_ord - loopback - - -
`;

for (const netconfig of [undefined, IPV4_ALONE]) {
  const which = netconfig === undefined ? "" : ", also where rpcbind serves no IPv6";
  systemTest(
    `a look at the registration finds it${which}`,
    [...NEEDS, OUR_NSMCTL],
    async (newHost) => {
      const host = await newHost({ ...(netconfig && { etc: { netconfig } }) });
      await host.startRpcbind();
      const statd = await startStatd(host);
      await host.output(OUR_NSMCTL, "status");
      const doubts = statd.lines.filter((line) => /Cannot ask rpcbind|changed our reg/.test(line));
      assertEquals(doubts, []);
    },
  );
}

systemTest(
  "a look changes nothing at our rpcbind",
  [...NEEDS, OUR_NSMCTL, OUR_RPCBIND],
  async (newHost) => {
    const host = await newHost();
    const rpcbind = await host.startRpcbind(OUR_RPCBIND, "-d", "-l");
    await startStatd(host);
    await host.output(OUR_NSMCTL, "status");
    await host.output("rpcinfo", "-T", "udp6", "::1", "100024", "1");
    await rpcbind.line(/RPCBPROC_GETADDR from "::1"/);
    assertEquals(rpcbind.lines.filter((line) => line.includes("RPCBPROC_SET from")).length, 4);
  },
);
