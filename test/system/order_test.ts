/**
 * Order of events, in the compiled program: acknowledged registrations are on disk, and an answered
 * notice leads to one callback, whenever the name service answers.
 *
 * ORDER_TEST=2000 in the environment sets the number of pairs of SM_UNMON and SM_MON, tries every
 * delay of the name service, and prints the figures.
 */

import { DENO_RUN } from "../support/deno_run.ts";
import { assertEquals } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import type { TestHost } from "../support/namespace.ts";
import { STATE_DIRECTORY } from "../support/namespace.ts";
import {
  type Call,
  message,
  mon,
  notify,
  nullCall,
  OTHER_PRIV,
  simuCrash,
  unmon,
  unmonAll,
} from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import type { PairsDone } from "../support/pairs_client.ts";
import { ask, FOREGROUND, monitored, startStatd, STATD_PORT } from "../support/statd.ts";
import { DIST, OUR_STATD, systemTest } from "../support/system_test.ts";

const GIVEN = Deno.env.get("ORDER_TEST");
const PAIRS = GIVEN === undefined ? { plain: 400, withCallout: 12 } : {
  plain: Number(GIVEN),
  withCallout: Number(GIVEN),
};
const NEEDS = [OUR_STATD];
const PAIRS_CLIENT = new URL("../support/pairs_client.ts", import.meta.url).pathname;
const NAME_SERVER = new URL("../support/name_server.ts", import.meta.url).pathname;

/** Runs pairs to their end, `atOnce` of them at a time. */
async function runPairs(host: TestHost, pairs: number, atOnce: number): Promise<PairsDone> {
  const args = [
    String(STATD_PORT),
    "nodeb",
    String(pairs),
    String(atOnce),
    `${STATE_DIRECTORY}/sm`,
  ];
  const client = host.start(...DENO_RUN, PAIRS_CLIENT, ...args);
  assertEquals(await client.ended, 0); // every wait in it has a limit
  const done: PairsDone = JSON.parse(await client.line(/^\{/));
  // deno-lint-ignore no-console -- the figures are what a long run is for
  if (GIVEN !== undefined) console.log(`${pairs} pairs, ${atOnce} at once:`, JSON.stringify(done));
  return done;
}

for (const atOnce of [1, 20]) {
  systemTest(
    `B1: ${atOnce} concurrent pairs of SM_UNMON and SM_MON lose no registration`,
    NEEDS,
    async (make) => {
      const host = await make();
      const statd = await startStatd(host);
      const done = await runPairs(host, PAIRS.plain, atOnce);
      assertEquals(done, { acknowledged: PAIRS.plain, unanswered: 0, lost: [] });
      assertEquals(await statd.stop(), 0);
    },
  );
}

systemTest("B1: pairs with a callout of 0.5 s each lose no registration", NEEDS, async (make) => {
  const host = await make();
  await host.write("/run/ha", "#!/bin/sh\nsleep 0.5\n");
  Deno.chmodSync(host.path("/run/ha"), 0o755);
  const statd = await startStatd(host, [...FOREGROUND, "-H", "/run/ha"]);
  const done = await runPairs(host, PAIRS.withCallout, 4);
  assertEquals(done, { acknowledged: PAIRS.withCallout, unanswered: 0, lost: [] });
  assertEquals(await statd.stop(), 0);
});

const OWN_ADDRESS = "10.99.0.1";
const PEER = { name: "h7.nsm.test", address: "10.98.0.7" };
const OTHER = "10.98.0.9";
const [SILENT, SERVED] = ["127.0.0.53", "127.0.0.54"];

/** Delays of a stranger's notice after SM_MON, in ms. */
const NOTICES_AFTER_MS = [0, 50, 300];
/** Delays of the name service, in ms; "restart": it answers after a restart of the daemon. */
const NAMES_AFTER: readonly (number | "restart")[] = GIVEN === undefined
  ? [0, 2_000, "restart"]
  : [0, 2_000, 30_000, "restart"];

for (const names of NAMES_AFTER) {
  for (const noticeMs of names === 0 || GIVEN !== undefined ? NOTICES_AFTER_MS : [50]) {
    const when = names === "restart" ? "behind a restart only" : `after ${names} ms`;
    systemTest(
      `matching.md: a notice ${noticeMs} ms after SM_MON, names ${when}: one callback`,
      NEEDS,
      (newHost) => assertToldOnce(newHost, noticeMs, names),
    );
  }
}

async function assertToldOnce(
  newHost: Parameters<Parameters<typeof systemTest>[2]>[0],
  noticeMs: number,
  names: number | "restart",
): Promise<void> {
  const host = await newHost({
    addresses: [`${OWN_ADDRESS}/32`],
    strangers: ["10.98.0.0/24"],
    etc: {
      "resolv.conf": `nameserver ${SILENT}\noptions timeout:1 attempts:1\n`,
      "nsswitch.conf": "hosts: files dns\n",
    },
  });
  const [agent, nameServer] = [new Agent(host), new Agent(host)];
  await host.startRpcbind();
  await agent.serve();
  await nameServer.serve({
    program: 0,
    port: 53,
    conduct: "silent",
    isRegistered: false,
    address: SILENT,
  });
  const serveNames = async () => {
    await host.start(...DENO_RUN, NAME_SERVER, SERVED, `${PEER.name}=${PEER.address}`).line(
      /^ready$/,
    );
    await host.write("/etc/resolv.conf", `nameserver ${SERVED}\n`);
  };
  if (names === 0) await serveNames();
  let statd = await startStatd(host);
  for (const monName of [PEER.name, OTHER]) await ask(agent, mon({ monName }));
  await after(noticeMs); // the delay is what is tested
  const to = { address: OWN_ADDRESS, port: STATD_PORT };
  await agent.datagram(message(notify("stranger", 5)), to, { address: PEER.address });
  if (names === "restart") {
    await statd.stop();
    await serveNames();
    statd = await startStatd(host);
  } else if (names > 0) {
    await after(names);
    await serveNames();
  }
  await agent.called(1);
  // A further callback would come before the next peer's callback.
  await agent.datagram(message(notify(OTHER, 7)), to, { address: OTHER });
  const calls = await agent.called(2);
  assertEquals(calls.map(({ message }) => monNameIn(message)), [PEER.name, OTHER]);
  assertEquals(await statd.stop(), 0);
  assertEquals(agent.calls.length, 2);
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** mon_name in a callback, in hexadecimal: its first argument, behind 10 words (RFC 5531). */
function monNameIn(call: string): string {
  const [lengthAt, textAt] = [80, 88];
  const length = parseInt(call.slice(lengthAt, textAt), 16);
  return new TextDecoder().decode(Uint8Array.fromHex(call.slice(textAt, textAt + 2 * length)));
}

/** Port from which SM_SIMU_CRASH is accepted. */
const RESERVED_PORT = 1001;

systemTest(
  "hung callouts, SM_UNMON_ALL, SM_SIMU_CRASH, notices and SIGHUP at once: list and disk agree",
  [OUR_STATD, `${DIST}/nsmctl`],
  async (newHost) => {
    const host = await newHost({ etc: { "nfs.conf": "[statd]\nha-callout-timeout=1\n" } });
    await host.write("/run/ha", "#!/bin/sh\n[ $1 = sm-notify ] || exec sleep 600\n");
    Deno.chmodSync(host.path("/run/ha"), 0o755);
    const agent = new Agent(host);
    await host.startRpcbind();
    await agent.serve();
    const statd = await startStatd(host, [...FOREGROUND, "-H", "/run/ha"]);
    const peers = Array.from({ length: 4 }, (_, i) => `10.98.0.${i + 1}`);
    const to = { address: "127.0.0.1", port: STATD_PORT };
    const all = (call: (monName: string) => Call) => peers.map((peer) => message(call(peer)));
    const rounds = [
      all((monName) => mon({ monName })),
      [message(unmonAll())],
      all((peer) => notify(peer, 5)),
      all((monName) => mon({ monName, priv: OTHER_PRIV })),
      [message(simuCrash)],
      all((monName) => unmon({ monName })),
      all((peer) => notify(peer, 7)),
      all((monName) => mon({ monName })).slice(0, 3),
    ];
    for (const calls of rounds) {
      await agent.flood(calls, to, { port: RESERVED_PORT });
      await statd.kill("HUP");
    }
    assertEquals(await ask(agent, nullCall), "SUCCESS");
    // Every callout ends; then no call is outstanding.
    await eventually("list and disk agree", async () => {
      const { stdout } = await host.run(`${DIST}/nsmctl`, "list", "--json");
      const listed = (JSON.parse(stdout).peers as { monName: string; monitored: boolean }[])
        .flatMap(({ monName, monitored }) => monitored ? [monName] : []);
      return listed.sort().join() === monitored(host).join() && listed.length === 3;
    });
    assertEquals(await statd.stop(), 0);
  },
);
