/** Metrics endpoint while strangers hold half requests. */

import { assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { mon, nullCall } from "../support/nsm_calls.ts";
import { ask, FOREGROUND, READY } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

/** Opens more connections than the descriptor limit, with a partial request on each. */
const HOLD = `for ((i = 0; i < 400; i++)); do
  { exec {fd}<>/dev/tcp/127.0.0.1/9199 && printf 'GET /metrics HTTP/1.1\\r\\n' >&$fd; } || :
done 2>/dev/null
echo open
sleep 1000`;

systemTest(
  "trust 2, B7: half-sent requests for metrics neither end the daemon nor delay its stop",
  [OUR_STATD, "/usr/bin/curl", "/usr/bin/prlimit"],
  async (newHost) => {
    const host = await newHost();
    await host.write("/etc/nfs.conf", "[statd]\nmetrics=127.0.0.1:9199\n");
    const statd = host.start("prlimit", "--nofile=200", OUR_STATD, ...FOREGROUND);
    await statd.line(READY);
    const agent = new Agent(host);
    const strangers = host.start("bash", "-c", HOLD);
    await strangers.line(/^open$/);
    assertMatch(
      await host.output("curl", "-sS", "http://127.0.0.1:9199/metrics"),
      /^nsm_peers 0$/m,
    );
    assertEquals(await ask(agent, nullCall), "SUCCESS");
    assertMatch(await ask(agent, mon({ monName: "10.99.9.1" })), /^SUCCESS/);
    assertEquals([statd.hasEnded, await statd.stop()], [false, 0]);
  },
);
