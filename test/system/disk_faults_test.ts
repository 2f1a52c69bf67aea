/**
 * Disk faults while the daemon serves: calls that need the disk are refused as the protocol says,
 * memory agrees with the disk, other calls succeed, and after the fault all calls do.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { type Call, message, mon, notify, nullCall, record, unmon } from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import {
  ask,
  FOREGROUND,
  monitored,
  READY,
  startAll,
  STATD,
  STATD_PORT,
} from "../support/statd.ts";
import { OUR_NSMCTL, OUR_STATD, systemTest } from "../support/system_test.ts";

const DONE = "SUCCESS 00000000 00000003";
const REMOVED = "SUCCESS 00000003";
const REFUSED = "SUCCESS 00000001 ffffffff";
const SYSTEM_ERR = "status 5";

interface DiskFault {
  readonly name: string;
  /** Shell command in the state directory. */
  readonly cause: string;
  readonly mend: string;
  /** Replies to a new SM_MON, and to the SM_UNMON of a file's only record. */
  readonly mon: string;
  readonly unmon: string;
  /** Log line. */
  readonly log: RegExp;
  /** Line of `nsmctl status`. */
  readonly status: RegExp;
  /** Exit status of `nsmctl list`, if not 0. */
  readonly list?: number;
}

const FAULTS: readonly DiskFault[] = [
  {
    name: "a full disk",
    cause: "mount -o remount,size=128k . && ! dd if=/dev/zero of=fill bs=1k 2>/dev/null",
    mend: "rm fill",
    mon: REFUSED,
    unmon: REMOVED,
    log: /STAT_FAIL .*10\.99\.9\.3.*No space left on device/,
    status: /Health .*No space left on device/,
  },
  {
    name: "a disk without inodes",
    cause: "mount -o remount,nr_inodes=$(echo $(df --output=iused . | tail -1)) .",
    mend: "mount -o remount,nr_inodes=1000 .",
    mon: REFUSED,
    unmon: REMOVED,
    log: /STAT_FAIL .*10\.99\.9\.3.*No space left on device/,
    status: /Health .*No space left on device/,
  },
  {
    name: "a disk that became read-only",
    cause: "mount -o remount,ro .",
    mend: "mount -o remount,rw .",
    mon: REFUSED,
    unmon: SYSTEM_ERR,
    log: /STAT_FAIL .*10\.99\.9\.3.*Read-only file system/,
    status: /Health .*Read-only file system/,
  },
  {
    name: "a monitor list that was moved away",
    cause: "mv sm elsewhere",
    mend: "mv elsewhere sm",
    mon: REFUSED,
    unmon: SYSTEM_ERR,
    log: /STAT_FAIL .*10\.99\.9\.3.*No such file or directory/,
    status: /Health .*No such file or directory/,
  },
  {
    name: "a state directory under an empty mount",
    cause: `mount -t tmpfs none ${STATE_DIRECTORY}`,
    mend: `cd / && umount ${STATE_DIRECTORY}`,
    mon: REFUSED,
    unmon: SYSTEM_ERR,
    log: /STAT_FAIL .*10\.99\.9\.3.*No such file or directory/,
    status:
      /Process \d+ serves the folder that "\/var\/lib\/nfs" was .*: umount "\/var\/lib\/nfs" uncovers/,
    list: 1,
  },
  {
    name: "a monitor list that nobody may write to",
    cause: "chown root:root sm && chmod 700 sm",
    mend: "chown --reference=sm.bak sm && chmod 755 sm",
    mon: REFUSED,
    unmon: SYSTEM_ERR,
    log: /STAT_FAIL .*10\.99\.9\.3.*Permission denied/,
    status: /Health .*Permission denied/,
  },
];

/** Runs a command of a fault. */
async function shell(host: TestHost, command: string): Promise<void> {
  await host.output("sh", "-c", `cd ${STATE_DIRECTORY} && ${command}`);
}

for (const { name, cause, mend, ...expected } of FAULTS) {
  systemTest(`statd keeps serving with ${name}`, [OUR_STATD], async (newHost) => {
    const host = await newHost();
    const { statd, agent } = await startAll(host);
    const replies = async (...calls: Call[]) => {
      const heard: string[] = [];
      for (const call of calls) heard.push(await ask(agent, call));
      return heard;
    };
    const [first, second, third] = ["10.99.9.1", "10.99.9.2", "10.99.9.3"] as const;
    await replies(mon({ monName: first }), mon({ monName: second }));

    await shell(host, cause);
    assertEquals(await replies(mon({ monName: third })), [expected.mon]);
    await statd.line(expected.log);
    const { code, stdout, stderr } = await host.run(OUR_NSMCTL, "status");
    assertEquals(code, 1);
    assertMatch(stdout + stderr, expected.status);
    assertEquals((await host.run(OUR_NSMCTL, "list")).code, expected.list ?? 0);
    const others = await replies(unmon({ monName: second }), nullCall);
    assertEquals(others, [expected.unmon, "SUCCESS"]);
    // Acknowledged registrations are still served.
    assertEquals(await replies(notify(first, 5)), ["SUCCESS"]);
    await agent.called(1);

    await shell(host, mend);
    const status = JSON.parse((await host.run(OUR_NSMCTL, "status", "--json")).stdout);
    assertEquals(status.degraded, []);
    assert(JSON.stringify(status.problems).includes("STAT_FAIL"), "nsmctl tells of it");
    await statd.line(/Changes of the monitor list are stored again/);
    const isKept = expected.unmon !== REMOVED;
    assertEquals(monitored(host), isKept ? [first, second] : [first]);
    // Memory agrees with the disk: no callback for the refused registration, one for the kept one.
    assertEquals(await replies(notify(third, 5), notify(second, 5)), ["SUCCESS", "SUCCESS"]);
    assertEquals(await replies(mon({ monName: third })), [DONE]);
    assertEquals(await replies(unmon({ monName: second }), notify(third, 7)), [REMOVED, "SUCCESS"]);
    await agent.called(isKept ? 3 : 2);
    assertEquals(monitored(host), [first, third]);
    assertEquals(statd.hasEnded, false);
    assertEquals(await statd.stop(), 0);
    assertEquals(agent.calls.length, isKept ? 3 : 2);
  });
}

/** Descriptor limit of the daemon: a few more than it needs when idle. */
const DESCRIPTORS = 64;
const CONNECTIONS = `
for i in $(seq ${2 * DESCRIPTORS}); do exec {fd}<>/dev/tcp/127.0.0.1/${STATD_PORT} || break; done
echo connected
cat`;

systemTest("statd keeps serving without a free file descriptor", [OUR_STATD], async (newHost) => {
  const host = await newHost();
  const agent = new Agent(host);
  await host.startRpcbind();
  await agent.serve();
  const limited = `ulimit -n ${DESCRIPTORS}; exec "$@"`;
  const statd = host.start("sh", "-c", limited, "sh", OUR_STATD, ...FOREGROUND);
  await statd.line(READY);
  assertEquals(await ask(agent, mon({ monName: "10.99.9.1" })), DONE);
  const hog = host.start("bash", "-c", CONNECTIONS);
  await hog.line(/connected/);
  await eventually("a call is refused", async () => {
    return await ask(agent, mon({ monName: "10.99.9.3" })) === REFUSED;
  });
  await statd.line(/STAT_FAIL .*10\.99\.9\.3.*Too many open files/);
  assertEquals(await ask(agent, unmon({ monName: "10.99.9.1" })), SYSTEM_ERR);
  assertEquals(await ask(agent, notify("10.99.9.1", 5)), "SUCCESS");
  await agent.called(1);
  await hog.stop("KILL");
  await eventually("a call is accepted", async () => {
    return await ask(agent, mon({ monName: "10.99.9.3" })) === DONE;
  });
  assertEquals(await ask(agent, unmon({ monName: "10.99.9.1" })), REMOVED);
  const { records } = await agent.stream([record(message(nullCall))], 1, STATD);
  assertEquals(records.length, 1);
  assertEquals(monitored(host), ["10.99.9.3"]);
  assertEquals(await statd.stop(), 0);
});
