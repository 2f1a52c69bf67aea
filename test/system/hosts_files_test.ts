/**
 * hosts.allow and hosts.deny unreadable for the daemon's user: rules in force, and reports of the
 * fault.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import type { BackgroundProgram } from "../support/background_program.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { describe, message, nullCall } from "../support/nsm_calls.ts";
import { OUR_NSMCTL } from "../support/nsmctl_host.ts";
import { eventually } from "../support/patience.ts";
import { ask, FOREGROUND, READY, startStatd, STATD_PORT } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_STATD, OUR_NSMCTL];
const OWN_ADDRESS = "10.99.0.1";
const STRANGER = "10.98.0.7";
const NETWORK = { addresses: [`${OWN_ADDRESS}/32`], strangers: ["10.98.0.0/24"] };
const DENY = "/etc/hosts.deny";
const RULE = "statd: 10.98.0.0/24\n";
const DENIED = "AUTH_ERROR 00000007";
const UNREADABLE = /Cannot read "\/etc\/hosts\.deny" as uid \d+: /;

/** Answer to a call from an address to this host. */
async function askFrom(agent: Agent, address: string): Promise<string> {
  const to = { address: OWN_ADDRESS, port: STATD_PORT };
  return describe((await agent.datagram(message(nullCall), to, { address })).message);
}

/** Replaces hosts.deny atomically, with a mode. */
async function deny(host: TestHost, rules: string, mode: number): Promise<void> {
  await host.write(`${DENY}.new`, rules);
  Deno.chmodSync(host.path(`${DENY}.new`), mode);
  Deno.renameSync(host.path(`${DENY}.new`), host.path(DENY));
}

/** Reasons of a degraded health by nsmctl status. */
async function degraded(host: TestHost, ...as: readonly string[]): Promise<string[]> {
  return JSON.parse((await host.run(...as, OUR_NSMCTL, "status", "--json")).stdout).degraded;
}

function complaints({ lines }: BackgroundProgram): string[] {
  return lines.filter((line) => UNREADABLE.test(line));
}

systemTest(
  "a hosts.deny readable only for root is in force",
  NEEDS,
  async (newHost) => {
    const host = await newHost(NETWORK);
    await deny(host, RULE, 0o600);
    const statd = await startStatd(host);
    const agent = new Agent(host);
    for (let times = 0; times < 3; times++) {
      assertEquals(await askFrom(agent, STRANGER), DENIED);
      assertEquals(await askFrom(agent, OWN_ADDRESS), "SUCCESS");
      assertEquals(await ask(agent, nullCall), "SUCCESS");
    }
    const [shown] = await degraded(host);
    assertMatch(shown!, UNREADABLE);
    const [said, ...others] = complaints(statd);
    assertMatch(
      said!,
      /Permission denied.*; the rules that were read from it last stay in force\. /,
    );
    assertMatch(said!, /: chmod a\+r \/etc\/hosts\.deny$/);
    assertEquals(others, []);
    Deno.chmodSync(host.path(DENY), 0o644);
    await eventually("nothing is wrong", async () => (await degraded(host)).length === 0);
    assertEquals(await askFrom(agent, STRANGER), DENIED);
  },
);

systemTest("a hosts.deny that becomes unreadable keeps its rules", NEEDS, async (newHost) => {
  const host = await newHost(NETWORK);
  await deny(host, RULE, 0o644);
  const statd = await startStatd(host);
  const agent = new Agent(host);
  assertEquals(await askFrom(agent, STRANGER), DENIED);
  await deny(host, "", 0o600);
  await eventually("statd has noticed", async () => {
    assertEquals(await askFrom(agent, STRANGER), DENIED);
    return complaints(statd).length > 0;
  });
  assertEquals(await askFrom(agent, STRANGER), DENIED);
  await deny(host, "", 0o644);
  await eventually("the new file is in force", async () => {
    return await askFrom(agent, STRANGER) === "SUCCESS";
  });
  assertEquals([complaints(statd).length, await degraded(host)], [1, []]);
});

systemTest("a hosts.deny that was never readable refuses all callers", NEEDS, async (newHost) => {
  const host = await newHost(NETWORK);
  await deny(host, RULE, 0o600);
  const { uid, gid } = Deno.statSync(host.path(`${STATE_DIRECTORY}/sm`));
  await host.output("chown", "-R", `${uid}:${gid}`, STATE_DIRECTORY);
  const ids = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--inh-caps=-all"];
  const statd = host.start("setpriv", ...ids, OUR_STATD, ...FOREGROUND);
  await statd.line(READY);
  assertMatch((await degraded(host, "setpriv", ...ids)).join(), UNREADABLE);
  // root does not trust a socket that the owner of the directory may have made.
  assertMatch((await host.run(OUR_NSMCTL, "status")).stderr, /belongs to uid \d+/);
  const agent = new Agent(host);
  assertEquals(await askFrom(agent, STRANGER), DENIED);
  assertEquals(await ask(agent, nullCall), "SUCCESS");
  const [said, ...others] = complaints(statd);
  assertMatch(
    said!,
    /Permission denied.*; callers that no rule lets in are denied\. .*: chmod a\+r /,
  );
  assertEquals(others, []);
});

systemTest("doctor without privileges says that it cannot read hosts.deny", NEEDS, async (
  newHost,
) => {
  const host = await newHost(NETWORK);
  await deny(host, RULE, 0o600);
  const asNobody = ["setpriv", "--reuid=65534", "--clear-groups", OUR_NSMCTL, "doctor"];
  const refused = /whether access rules let .*\/etc\/hosts\.deny cannot be read: Permission denied/;
  assertMatch((await host.run(...asNobody)).stdout, refused);
  Deno.chmodSync(host.path(DENY), 0o644);
  assertEquals(refused.test((await host.run(...asNobody)).stdout), false);
});

systemTest("a hosts.deny that is no regular file is reported", NEEDS, async (newHost) => {
  const host = await newHost(NETWORK);
  Deno.removeSync(host.path(DENY));
  Deno.mkdirSync(host.path(DENY));
  const statd = await startStatd(host);
  assertEquals(await askFrom(new Agent(host), STRANGER), DENIED);
  const [said] = complaints(statd);
  assertMatch(said!, /uid 0: it is not a regular file; callers that no rule lets in are denied$/);
});

systemTest("field 6: a netgroup in hosts.allow admits its members", NEEDS, async (newHost) => {
  const host = await newHost({ ...NETWORK, hosts: [`${STRANGER} client7`, "10.98.0.8 client8"] });
  await host.write("/etc/netgroup", "clients (client7,,)\n");
  await host.write("/etc/hosts.allow", "statd: @clients\n");
  await deny(host, "ALL: ALL\n", 0o644);
  await startStatd(host);
  const agent = new Agent(host);
  assertEquals(await askFrom(agent, STRANGER), "SUCCESS");
  assertEquals(await askFrom(agent, "10.98.0.8"), DENIED);
  assertEquals(await askFrom(agent, "10.98.0.9"), DENIED);
});
