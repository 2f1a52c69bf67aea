/**
 * Match of a notice and its peer for all spellings of names and addresses by lock manager and peer.
 */

import { assertEquals } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { message, mon, notify, type Registered, unmon, unmonAll } from "../support/nsm_calls.ts";
import { ask, startAll, startStatd, STATD_PORT } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const OWN = { "4": "10.99.0.1", "6": "fd99::1" } as const;

/** Monitored name of a peer, and name and source of its notice. */
const SPELLINGS: readonly (readonly [monName: string, name: string, source: string])[] = [
  ["H1.NSM.TEST", "h1.nsm.test", "10.98.0.99"],
  ["h2.nsm.test.", "h2.nsm.test", "10.98.0.99"],
  ["h3.nsm.test", "H3.nsm.test.", "10.98.0.99"],
  ["h4", "stranger", "10.98.0.4"],
  ["h5.nsm.test", "H5", "10.98.0.99"],
  ["::ffff:10.98.0.6", "stranger", "10.98.0.6"],
  ["10.98.7", "stranger", "10.98.0.7"],
  ["FD98:0:0:0:0:0:0:8", "stranger", "fd98::8"],
  ["fd98::9", "fd98:0:0::9", "fd98::99"],
  ["h10.nsm.test", "stranger", "fd98::10"],
];

systemTest("a notice matches its peer in every spelling", [OUR_STATD], async (newHost) => {
  const host = await newHost({
    addresses: [`${OWN["4"]}/32`, `${OWN["6"]}/128`],
    strangers: ["10.98.0.0/24", "fd98::/64"],
    hosts: [1, 2, 3, 4, 5].map((i) => `10.98.0.${i} h${i}.nsm.test h${i}`)
      .concat("10.98.0.10 h10.nsm.test", "fd98::10 h10.nsm.test"),
  });
  const { statd, agent } = await startAll(host);
  for (const [monName] of SPELLINGS) await ask(agent, mon({ monName }));
  for (const [i, [, name, source]] of SPELLINGS.entries()) {
    const own = OWN[source.includes(":") ? "6" : "4"];
    const to = { address: own, port: STATD_PORT };
    await agent.datagram(message(notify(name, 5)), to, { address: source });
    await agent.called(i + 1);
  }
  const told = agent.calls.map(({ message }) => monNameIn(message));
  assertEquals(told, SPELLINGS.map(([monName]) => monName));
  assertEquals(await statd.stop(), 0);
});

systemTest(
  "each registration of a peer is told once, also after a kill",
  [OUR_STATD],
  async (newHost) => {
    const host = await newHost({ addresses: [`${OWN["4"]}/32`], strangers: ["10.98.0.0/24"] });
    const agent = new Agent(host);
    await host.startRpcbind();
    await agent.serve({ versions: [3, 4] });
    const statd = await startStatd(host);
    const monName = "10.98.0.7";
    const registrations: readonly Registered[] = ["a", "A.b", "c"].flatMap((myName) =>
      [3, 4].map((version) => ({ monName, myName, version, priv: cookie(myName, version) }))
    );
    for (const registration of registrations) await ask(agent, mon(registration));
    const to = { address: OWN["4"], port: STATD_PORT };
    const reboot = (state: number) =>
      agent.datagram(message(notify("stranger", state)), to, { address: monName });
    await reboot(5);
    await agent.called(registrations.length);
    assertEquals(cookies(agent), registrations.map(({ priv }) => priv).sort());
    // One registration is removed, then all of one name and version, in another letter case.
    await ask(agent, unmon(registrations[0]!));
    await ask(agent, unmonAll({ myName: "a.B", version: 4 }));
    agent.calls.length = 0;
    await agent.serve({ versions: [3, 4], conduct: "silent" });
    await reboot(7);
    await statd.kill("KILL");
    await statd.ended;
    await agent.serve({ versions: [3, 4] });
    agent.calls.length = 0;
    const next = await startStatd(host);
    const left = registrations.filter((_, i) => i !== 0 && i !== 3);
    await agent.called(left.length);
    assertEquals(cookies(agent), left.map(({ priv }) => priv).sort());
    await ask(agent, unmonAll({ myName: "nobody" }));
    assertEquals(await next.stop(), 0);
    assertEquals(agent.calls.length, left.length);
  },
);

function cookie(myName: string, version: number): string {
  return new TextEncoder().encode(`${myName} ${version}`.padEnd(16)).toHex();
}

/** Cookies in the callbacks: the last 16 bytes of each. */
function cookies(agent: Agent): string[] {
  return agent.calls.map(({ message }) => message.slice(-32)).sort();
}

/** mon_name in a callback, in hexadecimal: its first argument, behind 10 words (RFC 5531). */
function monNameIn(call: string): string {
  const [lengthAt, textAt] = [80, 88];
  const length = parseInt(call.slice(lengthAt, textAt), 16);
  return new TextDecoder().decode(Uint8Array.fromHex(call.slice(textAt, textAt + 2 * length)));
}
