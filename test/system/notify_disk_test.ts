/**
 * Disk faults during a run of sm-notify: all peers are told, the failure is logged, and records
 * that cannot be removed stay for the next run, which announces the number that the peers know.
 */

import { assertEquals, assertMatch } from "@std/assert";
import {
  listed,
  ManyPeers,
  monitor,
  peerAddresses,
  stateNumber,
} from "../support/many_peers_client.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { eventually } from "../support/patience.ts";
import { type NewHost, OUR_SM_NOTIFY, systemTest } from "../support/system_test.ts";

const EARLY = peerAddresses("127.1", 3);
/** Peers that answer once these addresses are ours. */
const LATE = ["10.99.9.1", "10.99.9.2"];

interface Fault {
  readonly name: string;
  /** Shell commands in the state directory. */
  readonly cause: string;
  readonly mend: string;
  /** Expected log line, with status 1; undefined if all goes well. */
  readonly log?: RegExp;
  /** Whether peers stay on the list. */
  readonly isLeft: boolean;
}

const FAULTS: readonly Fault[] = [
  {
    name: "a list that is moved away",
    cause: "mv sm.bak elsewhere",
    mend: "mv elsewhere sm.bak",
    log: /Cannot take "[\d.]+" off the notify list: .*(?:there is no directory|No such file)/,
    isLeft: true,
  },
  {
    name: "a list in whose place an empty one is",
    cause: "mv sm.bak elsewhere && mkdir sm.bak && chown --reference=elsewhere sm.bak",
    mend: "rm -r sm.bak && mv elsewhere sm.bak",
    isLeft: true,
  },
  {
    name: "a disk that becomes read-only",
    // It is busy while the run writes.
    cause: "for i in $(seq 200); do mount -o remount,ro . && exit 0; sleep 0.1; done; exit 1",
    mend: "mount -o remount,rw .",
    log: /Cannot take "[\d.]+" off the notify list: .*Read-only file system/,
    isLeft: true,
  },
  {
    name: "a disk that is full",
    cause: "mount -o remount,size=128k . && ! dd if=/dev/zero of=fill bs=1k 2>/dev/null",
    mend: "rm fill",
    isLeft: false,
  },
];

/** Host with some monitored peers, which answer at their addresses. */
async function hostOf(newHost: NewHost, monitored: readonly string[]) {
  const host = await newHost();
  const peers = new ManyPeers(host);
  await peers.ready();
  monitor(host, monitored);
  return { host, peers };
}

function shell(host: TestHost, command: string): Promise<string> {
  return host.output("sh", "-c", `cd ${STATE_DIRECTORY} && ${command}`);
}

for (const { name, cause, mend, log, isLeft } of FAULTS) {
  systemTest(
    `${name} during a run keeps no peer from being notified`,
    [OUR_SM_NOTIFY],
    async (newHost) => {
      const { host, peers } = await hostOf(newHost, [...EARLY, ...LATE]);
      const run = host.start(OUR_SM_NOTIFY, "--json", "-d", "--deadline", "60");
      await eventually("who answers is off the list", () => listed(host, "sm.bak").length === 2);
      const number = stateNumber(host);
      await shell(host, cause);
      for (const address of LATE) await host.output("ip", "address", "add", address, "dev", "lo");
      await run.line(/"told":5,"forgotten":0,"gave_up":0/);
      if (log !== undefined) await run.line(log);
      assertEquals(await run.ended, log === undefined ? 0 : 1);
      assertEquals((await peers.count()).told, 5);
      await shell(host, mend);
      assertEquals(listed(host, "sm.bak").sort(), isLeft ? LATE : []);
      if (!isLeft) return;
      const { code, stderr } = await host.run(OUR_SM_NOTIFY, "-d", "--deadline", "60");
      assertEquals(code, 0, stderr);
      assertMatch(stderr, /Continuing an interrupted run/);
      assertEquals([listed(host, "sm.bak"), stateNumber(host)], [[], number]);
    },
  );
}

systemTest(
  "a disk that is read-only from the start: who answers late is told, and not forgotten",
  [OUR_SM_NOTIFY],
  async (newHost) => {
    const { host, peers } = await hostOf(newHost, LATE);
    await shell(host, "mount -o remount,ro .");
    const run = host.start(OUR_SM_NOTIFY, "--json", "-d", "--deadline", "60");
    await run.line(/Cannot notify "10\.99\.9\.\d" yet/);
    for (const address of LATE) await host.output("ip", "address", "add", address, "dev", "lo");
    await run.line(/"told":2,"forgotten":0,"gave_up":0/);
    assertEquals([await run.ended, (await peers.count()).told], [1, 2]);
  },
);

systemTest(
  "without its note on the disk, a run is neither started beside nor, once it is killed, taken for done",
  [OUR_SM_NOTIFY],
  async (newHost) => {
    const { host, peers } = await hostOf(newHost, LATE);
    const first = host.start(OUR_SM_NOTIFY, "-d", "--deadline", "60");
    await first.line(/Cannot notify "10\.99\.9\.\d" yet/);
    await shell(host, "rm sm.bak/.run");
    const again = () => host.run(OUR_SM_NOTIFY, "-d", "--deadline", "60");
    assertMatch((await again()).stderr, /Already notifying clients; Exiting! A run is in progress/);
    await first.kill("KILL");
    await first.ended.catch(() => {});
    for (const address of LATE) await host.output("ip", "address", "add", address, "dev", "lo");
    const { code, stderr } = await again();
    assertMatch(stderr, /Continuing an interrupted run/);
    assertEquals([code, listed(host, "sm.bak"), (await peers.count()).told], [0, [], 2], stderr);
    assertMatch((await again()).stderr, /Already notifying clients; Exiting! Peers were told/);
  },
);

/** Errors of calls about one record, and their texts. */
const ERRORS = {
  ENOSPC: "No space left on device",
  EROFS: "Read-only file system",
  EDQUOT: "Disk quota exceeded",
  ENAMETOOLONG: "File name too long",
  EINTR: "Interrupted system call",
  ESTALE: "Stale file handle",
};
const REMOVALS = "unlink,unlinkat,rename,renameat,renameat2";

systemTest(
  "any error that keeps a told peer's record on the list is named, and keeps no other record",
  [OUR_SM_NOTIFY, "/usr/bin/strace"],
  async (newHost) => {
    const host = await newHost();
    const peers = new ManyPeers(host);
    await peers.ready();
    const kept = EARLY[1]!;
    const traced = ["strace", "-f", "-qq", "-o", "/dev/null"];
    for (const [error, words] of Object.entries(ERRORS)) {
      monitor(host, EARLY);
      const rule = ["-e", `trace=${REMOVALS}`, "-e", `inject=${REMOVALS}:error=${error}`];
      const path = ["-P", `${STATE_DIRECTORY}/sm.bak/${kept}`];
      const command = [OUR_SM_NOTIFY, "--json", "-d", "-f", "--deadline", "60"];
      const run = host.start(...traced, ...path, ...rule, ...command);
      await run.line(new RegExp(`Cannot take "${kept}" off the notify list: .*${words}`));
      await run.line(/"told":3,"forgotten":0,"gave_up":0/);
      assertEquals([await run.ended, listed(host, "sm.bak")], [1, [kept]], error);
    }
  },
);
