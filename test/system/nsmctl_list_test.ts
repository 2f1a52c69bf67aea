/**
 * Operator D18 and D22: `nsmctl list` shows peers without an address, selects, sorts and adds up.
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { message, mon } from "../support/nsm_calls.ts";
import { NsmctlHost, OUR_NSMCTL, STATD_PORT } from "../support/nsmctl_host.ts";
import { eventually } from "../support/patience.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";
import { SCRIPT } from "../support/typed_shell.ts";

const STATD = { address: "127.0.0.1", port: STATD_PORT };
const KNOWN = "known.example.net";
const NOWHERE = "nowhere.example.net";

systemTest(
  "nsmctl list: peers without an address, peers to be told, order and sums",
  [OUR_NSMCTL, OUR_STATD, SCRIPT],
  async (newHost) => {
    await using resources = new AsyncDisposableStack();
    const host = await NsmctlHost.create(newHost, resources, { hosts: [`10.99.0.9 ${KNOWN}`] });
    await host.putRecord("sm.bak", KNOWN);
    await host.putRecord("sm.bak", "old.example.net");
    await host.host.output("touch", "-d", "-3 days", "/var/lib/nfs/sm.bak/old.example.net");
    await host.startStatd();
    const myName = "me.example.net"; // putRecord makes one request on each list
    for (const monName of [KNOWN, NOWHERE]) {
      await host.agent.datagram(message(mon({ monName, myName })), STATD);
    }
    await eventually("D18: it is said that there is no such host", async () => {
      const { stdout } = await host.run("list");
      return /nowhere.*no such host/.test(stdout) && /known.*10\.99\.0\.9/.test(stdout);
    });
    const names = async (...args: string[]) => {
      const { code, stdout, stderr } = await host.run("list", "--no-header", "-o", "peer", ...args);
      return [code, stderr, ...stdout.trim().split("\n")];
    };
    assertEquals(await names("--unresolved"), [0, "", NOWHERE]);
    assertEquals(await names("--pending"), [0, "", KNOWN, "old.example.net"]);
    assertEquals(await names("--pending", "--sort=age"), [0, "", "old.example.net", KNOWN]);
    assertEquals(await names("--unresolved", "known*"), [1, "", ""]);
    const { stdout } = await host.run("list");
    assertMatch(stdout, /\n2 monitored, 2 to be told, 1 without a known address\n$/);
    const { peers } = JSON.parse((await host.run("list", "--json", KNOWN)).stdout);
    assertEquals(peers[0].addresses, ["10.99.0.9"]);
    assertEquals(peers[0].requests.length, 1, "a request that is on both lists is one");

    const wrong = await host.run("list", "--sort=agee");
    assertEquals(wrong.code, 2);
    assertStringIncludes(wrong.stderr, 'did you mean "age"?\nTry: nsmctl list --help\n');
    for (
      const [asked, option] of [[["help", "list"], ["list", "--help"]], [["help"], ["--help"]]]
    ) {
      const { code, stdout } = await host.run(...asked!);
      assertEquals([code, stdout], [0, (await host.run(...option!)).stdout]);
    }
    const unknown = await host.run("help", "lsit");
    assertEquals(unknown.code, 2);
    assertStringIncludes(unknown.stderr, 'no command "lsit"; did you mean "list"?');
    const line = `stty cols 80 rows 24; NO_COLOR= TERM=linux ${OUR_NSMCTL} list ${NOWHERE}`;
    const painted = await host.host.run(SCRIPT, "-qec", line, "/dev/null");
    // deno-lint-ignore no-control-regex
    assertMatch(painted.stdout, /\x1b\[33mno such host\x1b\[/, "in yellow");
    await host.statd!.stop();
  },
);
