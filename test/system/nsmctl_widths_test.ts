/**
 * Every command of nsmctl on terminals of 40, 80 and 200 columns. The output equals that to a pipe,
 * wrapped to the width, and has no terminal control sequences but colours.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { COMMANDS } from "../../lib/commands/nsmctl.ts";
import { message, mon, notify } from "../support/nsm_calls.ts";
import { NsmctlHost, OUR_NSMCTL, STATD_PORT } from "../support/nsmctl_host.ts";
import { eventually } from "../support/patience.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";
import { SCRIPT } from "../support/typed_shell.ts";

const WIDTHS = [40, 80, 200];
const STATD = { address: "127.0.0.1", port: STATD_PORT };

/** Arguments of the commands that need some; only commands that end by themselves. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  show: "client.example.net",
  test: "client.example.net",
  notify: "client.example.net --timeout 2",
  forget: "--yes nobody.example.net",
  "declare-rebooted": "--yes nobody.example.net",
  report: "",
  events: "--since 1h",
  ports: "",
  completion: "bash",
  import: "--help",
  export: "--help",
  repair: "--dry-run",
  identity: "list",
};
/** Commands without an end: top_test.ts has a screen of top, the manual a line of watch. */
const ENDLESS = ["watch", "top"];
// deno-lint-ignore no-control-regex
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
/** Commands whose lines are read by programs, and not wrapped. */
const LINES = ["completion", "ctdb-script", "check", "notify", "repair"];
/** Lines that are copied, or read by programs, and not wrapped. */
const WHOLE = /^ {6,}|^ *(Boot id|usage:|Example:|nsmctl|Try:)|[{}"]|^\d{4}-/;

function isTooLong(line: string, width: number): boolean {
  const longestWord = Math.max(...line.split(" ").map(({ length }) => length));
  return line.length > width && longestWord <= width / 2 && !WHOLE.test(line);
}

systemTest(
  "nsmctl fits terminals of 40, 80 and 200 columns",
  [OUR_NSMCTL, OUR_STATD, SCRIPT],
  async (
    newHost,
  ) => {
    await using resources = new AsyncDisposableStack();
    const host = await NsmctlHost.create(newHost, resources, {
      addresses: ["10.99.0.9/32"],
      hosts: ["10.99.0.9 client.example.net"],
    });
    await host.putRecord("sm.bak", "a-peer-that-has-a-rather-long-name.example.net");
    await host.startStatd();
    await host.agent.datagram(message(mon({ monName: "client.example.net" })), STATD);
    await eventually(
      "its address is known",
      async () => (await host.run("list")).stdout.includes("10.99.0.9"),
    );
    await host.agent.datagram(message(notify("client.example.net", 7)), STATD);
    await host.agent.called(1);
    const names = COMMANDS.map(({ name }) => name).filter((name) => !ENDLESS.includes(name));
    assert(names.length > 12);
    const faults: string[] = [];
    for (const name of names) {
      const runs = WIDTHS.map((width) => [width, ARGUMENTS[name] ?? ""] as const);
      for (const [width, args] of [...runs, [WIDTHS[0]!, "--help"] as const]) {
        const line = `stty cols ${width} rows 24; TERM=linux ${OUR_NSMCTL} ${name} ${args}`;
        const { stdout } = await host.host.run(SCRIPT, "-qec", line, "/dev/null");
        const what = `${name} ${args} at ${width}`;
        assertMatch(stdout, /\S/, what);
        // deno-lint-ignore no-control-regex
        const plain = stdout.replaceAll(/\x1b\[\d*m/g, "");
        assertEquals(plain.replaceAll("\r\n", "\n").match(CONTROLS), null, what);
        if (LINES.includes(name)) continue;
        const tooLong = plain.split("\r\n").filter((it) => isTooLong(it, width));
        faults.push(...tooLong.map((it) => `${what}: ${it}`));
      }
    }
    assertEquals(faults, []);
  },
);
