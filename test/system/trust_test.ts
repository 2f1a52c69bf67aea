/**
 * Trust boundaries of the compiled program that have no file of their own. The order of replies
 * shows that work does not block callers: a later call is answered first.
 */

import { DENO_RUN } from "../support/deno_run.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { STATE_DIRECTORY, TestHost } from "../support/namespace.ts";
import {
  describe,
  fence,
  message,
  mon,
  notify,
  nullCall,
  PRIV,
  unmon,
  unmonAll,
} from "../support/nsm_calls.ts";
import { addOtherHosts, countOtherHosts } from "../support/other_hosts.ts";
import { eventually } from "../support/patience.ts";
import type { Volley } from "../support/raw_packets.ts";
import { ask, FOREGROUND, READY, startAll, startStatd, STATD_PORT } from "../support/statd.ts";
import { OUR_NSMCTL, OUR_SM_NOTIFY, OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_STATD];
const SENDER = new URL("../support/raw_packets.ts", import.meta.url).pathname;
const MONITOR_LIST = `${STATE_DIRECTORY}/sm`;
const NOTIFY_LIST = `${STATE_DIRECTORY}/sm.bak`;
const ID = "0100007f 000186b5 00000003 00000010";
const FENCE = message(fence);
const HOSTS = 6_000;
const NAMES = 10_000;
const PEER = "10.98.0.2";
const STRANGERS = { addresses: ["10.99.0.1/32"], strangers: ["10.98.0.0/24"] };
/** Limit of registrations of one host. */
const REGISTRATIONS_MAX = 256;

systemTest(
  "trust 4: hosts.deny refuses the callers that the library refuses",
  NEEDS,
  async (newHost) => {
    for (const rule of ["all: all", "ALL: all", "statd: ALL@ALL", "statd: all except 10.98.0.9"]) {
      const host = await newHost({ ...STRANGERS, etc: { "hosts.deny": `${rule}\n` } });
      const statd = await startStatd(host);
      const server = { address: "10.99.0.1", port: STATD_PORT };
      const reply = await new Agent(host).datagram(message(nullCall), server, { address: PEER });
      assertStringIncludes(describe(reply.message), "AUTH_ERROR", rule);
      assertEquals(await statd.stop(), 0, rule);
    }
  },
);

systemTest(
  "trust 6: a call is answered while thousands of hosts are removed",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    await addOtherHosts(host, HOSTS);
    const { statd, agent } = await startAll(host);
    let isAnswered = false;
    const removal = ask(agent, unmonAll({ myName: "otherhost" })).then(() => isAnswered = true);
    await eventually("some are removed", () => countOtherHosts(host) < HOSTS);
    assertEquals([await ask(new Agent(host), nullCall), isAnswered], ["SUCCESS", false]);
    await removal;
    await eventually("all are removed", () => countOtherHosts(host) === 0);
    assertEquals(await statd.stop(), 0);
  },
);

systemTest(
  "trust 7: a call is answered while thousands of names are judged",
  NEEDS,
  async (newHost) => {
    const host = await newHost(STRANGERS);
    const names = Array.from({ length: NAMES }, (_, i) => `n${i}.bench`);
    for (const [i, name] of names.entries()) {
      const line = `${ID} ${i.toString(16).padStart(32, "0")} ${name} bench\n`;
      Deno.writeTextFileSync(host.path(`${MONITOR_LIST}/${name}`), line, { mode: 0o600 });
    }
    const facts = names.map((peer) => JSON.stringify({ peer, addresses: [PEER] }));
    await host.write(`${MONITOR_LIST}/.peers`, `${facts.join("\n")}\n`);
    await host.output("chown", "-R", `--reference=${MONITOR_LIST}`, MONITOR_LIST);
    const { statd, agent } = await startAll(host);
    await ask(agent, unmon({ monName: "nobody" })); // the reply shows that the list is loaded
    const server = { address: "10.99.0.1", port: STATD_PORT };
    const notice = message(notify("somebody", 5));
    const source = { address: PEER };
    assertEquals(await agent.datagramUnlessSilent(notice, FENCE, server, source), undefined);
    const newer = message(notify("somebody", 7));
    const answer = await agent.datagramUnlessSilent(newer, FENCE, server, source);
    assertEquals(answer, undefined);
    const read = () => Deno.readTextFileSync(host.path(`${MONITOR_LIST}/.peers`));
    await eventually("all are judged", () => read().split('"lastState":7').length > NAMES);
    assertEquals(await statd.stop(), 0);
  },
);

systemTest("trust 8: loopback has sockets of its own", NEEDS, async (newHost) => {
  const host = await newHost();
  const statd = await startStatd(host);
  const port = STATD_PORT.toString(16).toUpperCase().padStart(4, "0");
  const table = await host.output("cat", "/proc/net/udp", "/proc/net/udp6");
  for (const address of ["0100007F", "00000000000000000000000001000000"]) {
    assertStringIncludes(table, ` ${address}:${port} `);
  }
  assertEquals(await statd.stop(), 0);
});

systemTest(
  "trust 9: another user's locks delay neither the start nor a reload",
  NEEDS,
  async (newHost) => {
    const host = await newHost({ etc: { "nfs.conf": "[statd]\nverbose = 2\n" } });
    const pidFile = "/run/rpc.statd.pid";
    await host.write(pidFile, "");
    Deno.chmodSync(host.path(pidFile), 0o644);
    const locked = [pidFile, STATE_DIRECTORY, MONITOR_LIST, "/etc/services", "/etc/nfs.conf"];
    const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    for (const path of locked) {
      const holder = host.start(
        ...asNobody,
        "flock",
        path,
        "sh",
        "-c",
        "echo held; exec sleep 600",
      );
      // Without permission to open the file, there is no lock to hold.
      await Promise.race([holder.line(/held/), holder.ended]);
    }
    const statd = host.start(OUR_STATD, ...FOREGROUND);
    await statd.line(READY);
    await statd.kill("HUP");
    const agent = new Agent(host);
    assertEquals(await ask(agent, nullCall), "SUCCESS");
    assertEquals(await statd.stop(), 0);
  },
);

systemTest("trust 11: the registrations of one host have a limit", NEEDS, async (newHost) => {
  const host = await newHost();
  const { statd, agent } = await startAll(host);
  const register = (i: number) => ask(agent, mon({ monName: PEER, myName: `m${i}` }));
  for (let i = 0; i < REGISTRATIONS_MAX; i++) {
    assertEquals((await register(i)).slice(0, 16), "SUCCESS 00000000");
  }
  assertEquals((await register(REGISTRATIONS_MAX)).slice(0, 16), "SUCCESS 00000001");
  assertEquals((await register(0)).slice(0, 16), "SUCCESS 00000000");
  assertEquals(await statd.stop(), 0);
});

systemTest("trust 12: errors of local callers take a few log lines", NEEDS, async (newHost) => {
  const host = await newHost();
  const { statd, agent } = await startAll(host);
  for (let i = 0; i < 200; i++) {
    await ask(agent, unmon({ monName: `nobody${i}` }));
    await ask(agent, mon({ monName: "no/path" }));
  }
  assertEquals(await statd.stop(), 0);
  assert(statd.lines.length < 60, `${statd.lines.length} lines`);
});

systemTest(
  "trust 17: one host with very many IPv6 addresses is one source",
  NEEDS,
  async (newHost) => {
    const [host, stranger] = [await newHost(), await newHost()];
    await TestHost.join(
      { host, addresses: ["fd98::1/64"] },
      { host: stranger, addresses: ["fd98::2/64"] },
    );
    const { statd } = await startAll(host);
    const link = await host.output("ip", "-o", "link", "show", "cable");
    const routes = Array.from({ length: 1_500 }, (_, i) => {
      return { source: `fd98::1:${i.toString(16)}`, destination: "fd98::1" };
    });
    const volley: Volley = {
      device: "cable",
      to: /link\/ether (\S+)/.exec(link)![1]!.replaceAll(":", ""),
      sourcePort: 700,
      port: STATD_PORT,
      routes,
      messages: [message(notify("stranger", 5)).toHex()],
    };
    await stranger.output(...DENO_RUN, SENDER, JSON.stringify(volley));
    await statd.line(/too many/);
    assertEquals(await statd.stop(), 0);
  },
);

systemTest("trust 18: a link at sm.bak/.run is not followed", NEEDS, async (newHost) => {
  const host = await newHost();
  await host.output("sh", "-ec", `mkfifo /run/lure; ln -s /run/lure ${NOTIFY_LIST}/.run`);
  await host.write(`${MONITOR_LIST}/10.98.0.2`, `${ID} ${PRIV} 10.98.0.2 thishost\n`);
  const own = [`${NOTIFY_LIST}/.run`, `${MONITOR_LIST}/10.98.0.2`];
  await host.output("chown", "-h", `--reference=${NOTIFY_LIST}`, ...own);
  // The writer continues once the FIFO is opened for reading.
  const writer = host.start("sh", "-c", "echo >/run/lure; echo opened");
  await writer.pid;
  const { code } = await host.run("timeout", "5", OUR_SM_NOTIFY, "-d");
  assertEquals(code, 124); // the program still notifies a silent peer
  assertEquals(writer.lines, []);
});

systemTest(
  "trust 19: text of a record reaches a terminal as printable ASCII",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    const record = new TextEncoder().encode(`${ID} ${PRIV} 10.98.0.2 my#31mname\n`);
    record[record.indexOf(0x23)] = 0x9b; // CSI of C1
    await host.write(`${NOTIFY_LIST}/10.98.0.2`, record);
    await host.output("chown", `--reference=${NOTIFY_LIST}`, `${NOTIFY_LIST}/10.98.0.2`);
    const { stdout } = await host.run(OUR_SM_NOTIFY, "--dry-run", "--json");
    assertStringIncludes(stdout, "10.98.0.2");
    assertEquals([...stdout].filter((char) => !/[ -~\n]/.test(char)), []);
  },
);

systemTest(
  "trust 19: names of files reach root's terminal without control characters",
  [OUR_STATD, OUR_NSMCTL],
  async (newHost) => {
    const host = await newHost();
    // A file that the user of sm can make.
    const evil = "x\x1b[2J\x9b31mevil";
    await host.write(`${STATE_DIRECTORY}/sm/${evil}`, "junk\n");
    await host.output("chown", "0", `${STATE_DIRECTORY}/sm/${evil}`);
    for (const words of [["doctor"], ["doctor", "--verbose"], ["list"], ["status"], ["ports"]]) {
      const { stdout, stderr } = await host.run(OUR_NSMCTL, ...words);
      assertEquals(
        [...stdout + stderr].filter((one) => /\p{Cc}/u.test(one) && one !== "\n"),
        [],
        words.join(),
      );
    }
    const { stdout } = await host.run(OUR_NSMCTL, "doctor");
    assertStringIncludes(stdout, "$'/var/lib/nfs/sm/x\\u001b[2J\\u009b31mevil'");
  },
);
