/** Pending callbacks survive the end of the daemon. */

import { assertEquals } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { mon, notify } from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import { ask, FOREGROUND, startStatd } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_STATD];
const QUIET = [...FOREGROUND, "--check-notify-source", "off"];

systemTest("a callback without an answer is made by the next statd", NEEDS, async (newHost) => {
  const host = await newHost();
  const agent = new Agent(host);
  await host.startRpcbind();
  const first = await startStatd(host, QUIET);
  assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), "SUCCESS 00000000 00000003");
  assertEquals(await ask(agent, notify("10.99.9.1", 5)), "SUCCESS");
  // No lock manager is registered, so that the callback waits.
  await first.line(/Cannot tell lock manager/);
  await first.stop("KILL");

  await agent.serve();
  const second = await startStatd(host, QUIET);
  await agent.called(1);
  await second.line(/Told lock manager/);
  await eventually("the callback is noted as made", () => noted(host.path(PEERS)));
  await second.stop("KILL");

  const third = await startStatd(host, QUIET);
  assertEquals(await ask(agent, notify("10.99.9.1", 7)), "SUCCESS");
  await agent.called(2);
  await third.stop();
  assertEquals(agent.calls.length, 2);
});

const PEERS = "/var/lib/nfs/sm/.peers";

/** Whether the peer memory records that a state was passed on. */
function noted(path: string): boolean {
  return Deno.readTextFileSync(path).includes('"passedOn":5');
}
