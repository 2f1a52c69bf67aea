/** Callouts of the compiled program: which peers it runs for, its arguments, and the log. */

import { assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import type { TestHost } from "../support/namespace.ts";
import { describe, message, mon, notify } from "../support/nsm_calls.ts";
import { ask, FOREGROUND, startStatd, STATD_PORT } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const OWN_ADDRESS = "10.99.0.1";
const STRANGER = "10.98.0.7";
const NETWORK = { addresses: [`${OWN_ADDRESS}/32`], strangers: ["10.98.0.0/24"] };
const RUNS = "/run/callout/runs";

async function setUp(host: TestHost, script: string) {
  await host.output("install", "-d", "-m", "777", "/run/callout");
  await host.write("/run/ha", `#!/bin/sh\n${script}\n`);
  Deno.chmodSync(host.path("/run/ha"), 0o755);
  const statd = await startStatd(host, [...FOREGROUND, "-H", "/run/ha"]);
  return { statd, agent: new Agent(host) };
}

/** Arguments of each run, one character for each byte. */
function runs(host: TestHost): string[] {
  return new TextDecoder("latin1").decode(Deno.readFileSync(host.path(RUNS))).split("\n").slice(
    0,
    -1,
  );
}

systemTest(
  "trust 5: strangers start no callout, and arguments are passed on byte by byte",
  [OUR_STATD],
  async (newHost) => {
    const host = await newHost(NETWORK);
    const { agent } = await setUp(host, `echo "$@" >>${RUNS}`);
    const from = async (address: string, name: string, state: number) => {
      const to = { address: OWN_ADDRESS, port: STATD_PORT };
      return describe(
        (await agent.datagram(message(notify(name, state)), to, { address })).message,
      );
    };
    await ask(agent, mon({ monName: "nodeb" }));
    for (let i = 0; i < 20; i++) assertEquals(await from(STRANGER, "stranger", i), "SUCCESS");
    assertEquals(runs(host), ["add-client nodeb thishost"]);
    assertEquals(await from(STRANGER, "nodeb", 5), "SUCCESS");
    assertEquals(await from(STRANGER, "nodeb", 5), "SUCCESS");
    assertEquals(await ask(agent, notify("h\xff", 7)), "SUCCESS");
    assertEquals(runs(host).slice(1), [
      `sm-notify nodeb ${STRANGER} 5`,
      "sm-notify h\xff 127.0.0.1 7",
    ]);
  },
);

systemTest(
  "realworld F6: the end of a failed callout's output is logged",
  [OUR_STATD],
  async (newHost) => {
    const host = await newHost();
    const { agent, statd } = await setUp(host, "echo first >&2; echo 'no such node' >&2; exit 3");
    await ask(agent, mon({ monName: "nodeb" }));
    const said = await statd.line(/HA callout/);
    assertMatch(
      said,
      /"\/run\/ha" "add-client" "nodeb" "thishost" ended with status 3, saying "no such node"/,
    );
    for (let i = 0; i < 20; i++) await ask(agent, notify("nodeb", i));
    assertEquals(statd.lines.filter((line) => /HA callout/.test(line)).length, 5);
  },
);
