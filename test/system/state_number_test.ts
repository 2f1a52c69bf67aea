/** State number in the replies of the compiled statd: as it is on disk at that moment. */

import { assertEquals } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { mon, stat } from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import { ask, FOREGROUND, READY } from "../support/statd.ts";
import { OUR_SM_NOTIFY, OUR_STATD, systemTest } from "../support/system_test.ts";

const STRACE = "/usr/bin/strace";
const TRACE = "/run/trace";
const STATE = `${STATE_DIRECTORY}/state`;

function bytes(number: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Int32Array.of(number).buffer);
}

/** Changes of the file `state` by others, with the number that the next reply has. */
const CHANGES: readonly (readonly [number, string, (host: TestHost) => Promise<unknown>])[] = [
  [9, "written in place", (host) => host.write(STATE, bytes(9))],
  [9, "emptied by an upgrade of nfs-common", (host) => host.write(STATE, "")],
  [11, "advanced by sm-notify", (host) => host.output(OUR_SM_NOTIFY, "-f", "-P", STATE_DIRECTORY)],
];

systemTest(
  "a state number that others change is in the next reply, and the file is read only then",
  [OUR_STATD, STRACE],
  async (newHost) => {
    const host = await newHost();
    const agent = new Agent(host);
    await host.write(STATE, bytes(7));
    // In a directory of root's a number can only be believed, not written again.
    await host.output("chown", `--reference=${STATE_DIRECTORY}/sm`, STATE_DIRECTORY);
    const traced = ["-D", "-f", "-qq", "-e", "trace=open,openat", "-o", TRACE];
    const statd = host.start(STRACE, ...traced, OUR_STATD, ...FOREGROUND);
    await statd.line(READY);
    /** Number in a reply, and how often the file was opened for it. */
    const asked = async (call = stat("localhost")) => {
      const before = await opened(host);
      const reply = await ask(agent, call);
      return { reply, opened: await opened(host) - before };
    };
    assertEquals((await asked()).reply, replyWith(7));
    for (const [number, how, change] of CHANGES) {
      await eventually("the file is no longer opened", async () => (await asked()).opened === 0);
      await change(host);
      assertEquals((await asked()).reply, replyWith(number), how);
      assertEquals((await asked(mon({ monName: "10.99.9.1" }))).reply, replyWith(number), how);
    }
    assertEquals(await statd.stop(), 0);
  },
);

/** SM_STAT or SM_MON that succeeded. */
function replyWith(number: number): string {
  return `SUCCESS 00000000 ${number.toString(16).padStart(8, "0")}`;
}

async function opened(host: TestHost): Promise<number> {
  const trace = await host.output("cat", TRACE);
  return trace.split("\n").filter((line) => line.includes(`"${STATE}"`)).length;
}
