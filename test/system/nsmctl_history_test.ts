/** History: cause, time, and acting user of each event, with the compiled programs. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import schema from "../../conf/nsmctl.schema.json" with { type: "json" };
import { faultsOf, type Schema } from "../support/json_schema.ts";
import { message, mon, notify, unmon } from "../support/nsm_calls.ts";
import { NsmctlHost, OUR_NSMCTL, STATD_PORT } from "../support/nsmctl_host.ts";
import { eventually } from "../support/patience.ts";
import { OUR_SM_NOTIFY, OUR_STATD, systemTest } from "../support/system_test.ts";

const STATD = { address: "127.0.0.1", port: STATD_PORT };
const PEER = "10.99.0.9";

function historyTest(name: string, body: (host: NsmctlHost) => Promise<void>): void {
  systemTest(
    `nsmctl ${name}`,
    [OUR_NSMCTL, OUR_STATD, OUR_SM_NOTIFY, "/usr/bin/curl"],
    async (newHost) => {
      await using resources = new AsyncDisposableStack();
      await body(await NsmctlHost.create(newHost, resources));
    },
  );
}

/** Output, checked against the schema. */
function checked<T>(json: string, definition: string): T {
  const value = JSON.parse(json);
  assertEquals(faultsOf(value, { $ref: `#/$defs/${definition}` }, schema as Schema), []);
  return value;
}

interface Event {
  readonly event: string;
  readonly peer?: string;
  readonly reason?: string;
}

async function eventsOf({ run }: NsmctlHost, ...args: string[]): Promise<Event[]> {
  const { stdout, stderr } = await run("events", "--json", ...args);
  assertEquals(stderr, "");
  return stdout.split("\n").filter((line) => line !== "").map((line) => checked(line, "event"));
}

historyTest("events shows a reboot, the notified lock managers, and refusals", async (host) => {
  const statd = await host.startStatd();
  const follow = host.host.start(OUR_NSMCTL, "events", "--json", "--follow");
  checked(await follow.line(/"started"/), "event");
  await host.agent.datagram(message(mon({ monName: PEER })), STATD);
  await follow.line(/"monitored".*10\.99\.0\.9/);
  await host.agent.datagram(message(notify(PEER, 23)), STATD);
  checked(await follow.line(/"rebooted".*"state":23/), "event");
  await follow.line(/"lockManagerTold"/);
  await host.agent.datagram(message(mon({ monName: "../x" })), STATD);
  assertMatch(await follow.line(/"refused"/), /SM_MON/);
  await host.agent.datagram(message(unmon({ monName: PEER })), STATD);
  await follow.line(/"unmonitored"/);
  await statd.kill("TERM");
  assertMatch(await follow.line(/"stopped"/), /SIGTERM/);
  const kinds = (await eventsOf(host, PEER)).map(({ event }) => event)
    .filter((event) => event !== "doubted");
  assertEquals(kinds, ["monitored", "rebooted", "lockManagerTold", "unmonitored"]);
  const { code, stdout } = await host.run("events", "--since", "1h");
  assertEquals(code, 0);
  assertStringIncludes(stdout, `${PEER} rebooted (state 23, from `);
  assertEquals((await host.run("events", "--since", "soon")).code, 2);
  assertEquals((await host.run("events", "nobody")).code, 1);
});

historyTest("events survives a kill, and includes those of sm-notify", async (host) => {
  const statd = await host.startStatd();
  await host.agent.datagram(message(mon({ monName: PEER })), STATD);
  await eventually("it is noted", async () => (await eventsOf(host, PEER)).length === 1);
  await statd.stop("KILL");
  const { code } = await host.host.run(OUR_SM_NOTIFY, "-f", "-d", "--deadline", "1");
  assertEquals(code, 1);
  const found = await eventsOf(host);
  assertEquals(found.map(({ event }) => event), [
    "started",
    "monitored",
    "notifying",
    "notYetTold",
    "notTold",
    "notified",
  ]);
  assertMatch(found.at(-2)!.reason!, /\w/);
});

historyTest(
  "show, list and status say why a peer was not notified, and metrics count such peers",
  async (host) => {
    await host.putRecord("sm.bak", "nowhere.invalid");
    await host.host.write("/etc/nfs.conf", `[statd]\nport=${STATD_PORT}\nmetrics=127.0.0.1:9123\n`);
    const run = host.host.start(OUR_SM_NOTIFY, "-f", "-d", "--deadline", "600");
    await host.startStatd();
    interface List {
      readonly peers: readonly { readonly why?: string }[];
    }
    const why = async () => {
      const { stdout } = await host.run("list", "--json", "nowhere.invalid");
      return checked<List>(stdout, "list").peers[0]?.why ?? "";
    };
    await eventually("the reason is known", async () => /tr(y|ies), next/.test(await why()));
    const { code, stdout } = await host.run("show", "nowhere.invalid");
    assertEquals(code, 0);
    assertMatch(stdout, /^Why not +\S.*since/m);
    assertMatch(stdout, /name service: /);
    assertMatch(stdout, /not told yet.*: /);
    checked((await host.run("show", "--json", "nowhere.invalid")).stdout, "show");
    assertMatch((await host.run("status")).stdout, /^sm-notify +running \(pid \d+\), 0 of 1 told/m);
    const { stdout: status } = await host.run("status", "--json");
    assertEquals(checked<{ smNotify: { total: number } }>(status, "status").smNotify.total, 1);
    const metrics = await host.host.output("curl", "-s", "http://127.0.0.1:9123/metrics");
    assertMatch(metrics, /^nsm_notify_left 1$/m);
    await run.stop();
    assertMatch((await host.run("status")).stdout, /^sm-notify +0 of 1 told, 1 given up, ended/m);
    const unknown = await host.run("show", "nobody");
    assertEquals(unknown.code, 1);
    assertMatch(unknown.stdout, /^nobody is on neither list/);
  },
);
