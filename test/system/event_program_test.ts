/** Acceptance test 22 of identities: conduct of the events program, and its effect on calls. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import type { TestHost } from "../support/namespace.ts";
import { mon, notify, unmonAll } from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import { ask, FOREGROUND, startStatd } from "../support/statd.ts";
import { OUR_NSMCTL } from "../support/nsmctl_host.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_STATD, OUR_NSMCTL];
const FOLDER = "/run/events";
/** More events than queue and pipe hold, in lines of the maximum length. */
const MANY = 1_400;
const LONG = `${"a".repeat(60)}.`.repeat(4);

async function setUp(host: TestHost, script: string) {
  await host.output("install", "-d", "-m", "777", FOLDER);
  await host.write("/run/reader", `#!/bin/sh\n${script}\n`);
  await host.output("chmod", "755", "/run/reader");
  await host.write("/etc/nfs.conf", "[statd]\nevents-program = /run/reader\n");
  const statd = await startStatd(host, FOREGROUND);
  return { statd, agent: new Agent(host) };
}

function lines(host: TestHost): Record<string, unknown>[] {
  const text = Deno.readTextFileSync(host.path(`${FOLDER}/lines`));
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

async function dropped(host: TestHost): Promise<number> {
  const { counters } = JSON.parse((await host.run(OUR_NSMCTL, "status", "--json")).stdout);
  return counters.events_dropped;
}

systemTest("acceptance 22: events arrive as they happen", NEEDS, async (newHost) => {
  const host = await newHost();
  const { statd, agent } = await setUp(
    host,
    `[ -z "$(env | grep -v -e ^PATH= -e ^PWD= -e ^_= -e ^SHLVL=)" ] && exec cat >${FOLDER}/lines`,
  );
  await ask(agent, mon({ monName: "127.0.0.9" }));
  await ask(agent, notify("127.0.0.9", 7));
  await eventually("a reboot arrives", () => lines(host).some(({ event }) => event === "rebooted"));
  await statd.stop("TERM");
  await eventually(
    "the last event arrives",
    () => lines(host).some(({ event }) => event === "stopped"),
  );
  const [first] = lines(host);
  assertEquals([first!["event"], first!["program"]], ["started", "rpc.statd"]);
  const monitored = lines(host).find(({ event }) => event === "monitored");
  assertEquals(monitored?.["peer"], "127.0.0.9");
});

systemTest(
  "acceptance 22: a program that hangs loses events, and has no other effect",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    const { statd, agent } = await setUp(host, "exec sleep 1000");
    for (let i = 0; i < MANY; i++) {
      assertMatch(await ask(agent, mon({ monName: `${LONG}${i}` })), /^SUCCESS 00000000/);
      if (i % 500 === 0) assertMatch(await ask(agent, unmonAll()), /^SUCCESS/);
    }
    assert(await dropped(host) > 0);
    await statd.stop("TERM");
    await eventually(
      "it is ended with the daemon",
      async () => (await host.run("pgrep", "-x", "sleep")).code === 1,
    );
  },
);

systemTest("acceptance 22: a program that dies is restarted", NEEDS, async (newHost) => {
  const host = await newHost();
  const { statd, agent } = await setUp(
    host,
    `if [ -e ${FOLDER}/once ]; then exec cat >${FOLDER}/lines; fi; >${FOLDER}/once; exit 3`,
  );
  await statd.line(/Program for events "\/run\/reader" ended with status 3; it is started again/);
  await ask(agent, mon({ monName: "127.0.0.9" }));
  await eventually("events arrive", () => {
    try {
      return lines(host).some(({ event }) => event === "monitored");
    } catch {
      return false;
    }
  });
  await statd.stop("TERM");
});
