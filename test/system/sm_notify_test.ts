/**
 * Complete sm-notify, on hosts of its own; one process plays all peers. Announced names and states,
 * removal of records, the run-once lock, the state number and the kernel's files are as with
 * nfs-utils.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  listed,
  ManyPeers,
  monitor,
  MY_NAME,
  peerAddresses,
  stateNumber,
} from "../support/many_peers_client.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { eventually, inTime } from "../support/patience.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { OUR_SM_NOTIFY, systemTest } from "../support/system_test.ts";

const SM_NOTIFY = Deno.env.get("SM_NOTIFY") ?? OUR_SM_NOTIFY;
const LOCK = "/run/sm-notify.pid";

async function peersOf(host: TestHost): Promise<ManyPeers> {
  const peers = new ManyPeers(host);
  await peers.ready();
  return peers;
}

function read(host: TestHost, path: string): string {
  return Deno.readTextFileSync(host.path(path));
}

systemTest(
  "sm-notify tells each peer once under each form of the name",
  [SM_NOTIFY],
  async (newHost) => {
    const host = await newHost();
    const peers = await peersOf(host);
    const addresses = peerAddresses("127.1", 300);
    monitor(host, addresses);
    const { code, stderr } = await host.run(SM_NOTIFY, "-d");
    assertEquals(code, 0, stderr);
    const report = await peers.report();
    assertEquals([...report.keys()].sort(), addresses.toSorted());
    for (const received of report.values()) {
      const { queries, notices } = received;
      assertEquals({ queries, notices }, { queries: 1, notices: [`${MY_NAME} 3`, "nodeb 3"] });
    }
    assertEquals(listed(host, "sm"), []);
    assertEquals(listed(host, "sm.bak"), []);
    assertEquals(stateNumber(host), 3);
    assertEquals(read(host, "/proc/sys/fs/nfs/nsm_local_state"), "3");
    assertEquals(read(host, "/proc/fs/lockd/nlm_end_grace"), "");
  },
);

systemTest("sm-notify goes to the background, and runs once", [SM_NOTIFY], async (newHost) => {
  const host = await newHost();
  const peers = await peersOf(host);
  monitor(host, peerAddresses("127.1", 5));
  assertEquals((await host.run(SM_NOTIFY)).code, 0);
  await eventually("all peers are told", async () => (await peers.count()).told === 5);
  await eventually("the list is empty", () => listed(host, "sm.bak").length === 0);
  assertMatch(read(host, LOCK), /^\d+\n$/);
  assertEquals(Deno.statSync(host.path(LOCK)).mode! & 0o777, 0o600);

  monitor(host, peerAddresses("127.1", 5));
  await peers.forget();
  const again = await host.run(SM_NOTIFY, "-d");
  assertEquals(again.code, 0);
  assert(again.stderr.includes("Already notifying clients; Exiting!"), again.stderr);
  const unseen = await host.run(SM_NOTIFY); // logs to the system log
  assertEquals(unseen.code, 0);
  assertMatch(
    unseen.stderr,
    /^sm-notify: Already notifying clients; Exiting! Peers were told .*\n$/,
  );
  assertEquals(listed(host, "sm").length, 5);
  assertEquals(stateNumber(host), 3);

  assertEquals((await host.run(SM_NOTIFY, "-d", "-f")).code, 0);
  assertEquals((await peers.count()).told, 5);
  assertEquals(stateNumber(host), 5);
});

systemTest(
  "sm-notify ends the grace period only if there is no peer to notify",
  [SM_NOTIFY],
  async (newHost) => {
    const host = await newHost();
    assertEquals((await host.run(SM_NOTIFY)).code, 0);
    assertEquals(read(host, "/proc/fs/lockd/nlm_end_grace"), "Y");
    assertEquals(stateNumber(host), undefined);
    assertEquals(read(host, "/proc/sys/fs/nfs/nsm_local_state"), "");
  },
);

systemTest(
  "a lock file of another boot is ignored, and nfs-utils' own is respected",
  [SM_NOTIFY],
  async (newHost) => {
    const host = await newHost();
    await peersOf(host);
    monitor(host, peerAddresses("127.1", 1));
    await host.write(LOCK, "1\n");
    assert((await host.run(SM_NOTIFY, "-d")).stderr.includes("Already notifying"));
    await host.write("/run/sm-notify.boot", "00000000-0000-0000-0000-000000000000\n");
    const { code, stderr } = await host.run(SM_NOTIFY, "-d");
    assertEquals([code, stderr.includes("Already notifying")], [0, false]);
    assertEquals(listed(host, "sm.bak"), []);
  },
);

systemTest(
  "portability 1: if /run cannot be written, peers are notified once per boot",
  [SM_NOTIFY],
  async (newHost) => {
    for (const shape of ["read-only", "a directory in place of the lock"] as const) {
      const host = await newHost();
      const peers = await peersOf(host);
      monitor(host, peerAddresses("127.1", 2));
      const setUp = {
        "read-only": "mount -t tmpfs -o ro tmpfs /run",
        "a directory in place of the lock": "mkdir -p /run/sm-notify.pid/x",
      }[shape];
      await host.output("sh", "-c", setUp);
      const first = await host.run(SM_NOTIFY, "-d");
      assertEquals(first.code, 0, `${shape}: ${first.stderr}`);
      assert(!first.stderr.includes("Already"), first.stderr);
      assertMatch(first.stderr, /\/run/);
      assertEquals((await peers.count()).told, 2, shape);
      assertEquals(listed(host, "sm.bak"), [], shape);
      const again = await host.run(SM_NOTIFY, "-d");
      assertEquals(again.code, 0, again.stderr);
      assertMatch(
        again.stderr,
        /Already notifying clients; Exiting! Peers were told in this boot at/,
      );
    }
  },
);

systemTest(
  "D16: with 50 dead peers among 500, sm-notify -d prints at most a line per peer and 20 more",
  [SM_NOTIFY],
  async (newHost) => {
    const host = await newHost();
    await peersOf(host);
    const [living, silent] = [peerAddresses("127.1", 450), peerAddresses("127.2", 40)];
    const without = peerAddresses("127.3", 10);
    monitor(host, [...living, ...silent, ...without]);
    const pauses = "--retry-schedule=1,4";
    const { code, stderr } = await host.run(SM_NOTIFY, "-d", pauses);
    assertEquals(code, 1, "somebody was not told");
    const lines = stderr.trimEnd().split("\n");
    assert(lines.length <= 520, lines.filter((it) => !it.includes("Notified")).join("\n"));
    for (const dead of [...silent, ...without]) {
      const ending = lines.filter((line) => line.includes(`Unable to notify ${dead}, giving up`));
      assertEquals(ending.length, 1, dead);
    }
    const table = lines.slice(lines.findIndex((line) => line.includes("Not told, and why")));
    const rows = table.slice(1, -1);
    assert(rows.length > 1 && rows.length < 5, table.join("\n"));
    for (const row of rows) assertMatch(row, /^sm-notify: +\d+ {2}\w.*: "127\.[23]\..*/);
    const counts = [...table.slice(0, -1).join("\n").matchAll(/(?:and|: ) +(\d+) /g)];
    assertEquals(counts.reduce((sum, [, count]) => sum + Number(count), 0), 50, table.join("\n"));
    assertMatch(table.at(-1)!, /^sm-notify: Told 450 of 500 peers in .*, 50 not reached$/);
    assertEquals(listed(host, "sm.bak").length, 50);
  },
);

systemTest("D24: sm-notify as another user than root is refused", [SM_NOTIFY], async (newHost) => {
  const host = await newHost();
  monitor(host, peerAddresses("127.1", 1));
  const { code, stderr } = await host.run(
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    SM_NOTIFY,
    "-d",
  );
  assertEquals(code, 1);
  assertMatch(stderr, /Only root or the owner of "\/var\/lib\/nfs\/sm"/);
  assertEquals(listed(host, "sm").length, 1);
});

systemTest(
  "issue 14: a list that becomes unreadable during a run keeps no peer from being notified",
  [SM_NOTIFY],
  async (newHost) => {
    const host = await newHost();
    const peers = await peersOf(host);
    const late = peerAddresses("127.2", 2);
    monitor(host, [...peerAddresses("127.1", 3), ...late]);
    const run = host.start(SM_NOTIFY, "--json", "--deadline", "6");
    await run.line(/"127.1.0.1".*"told"/);
    await eventually("those are off the list", () => listed(host, "sm.bak").length === 2);
    await Deno.chmod(host.path(`${STATE_DIRECTORY}/sm.bak`), 0);
    await run.line(/"told":3,"forgotten":0,"gave_up":2/);
    assertEquals(await run.ended, 1);
    await Deno.chmod(host.path(`${STATE_DIRECTORY}/sm.bak`), 0o700);
    assertEquals(listed(host, "sm.bak").sort(), late.toSorted());
    assertEquals((await peers.count()).told, 3);
  },
);

/** Makes some system calls on one file fail. */
function failing(error: string, calls: string, path: string): string[] {
  return ["strace", "-f", "-qq", "-o", "/dev/null", "-P", path].concat(
    ["-e", `trace=${calls}`, "-e", `inject=${calls}:error=${error}`],
  );
}

systemTest(
  "issue 14: a record that cannot be removed is named, and all other records go",
  [SM_NOTIFY, "/usr/bin/strace"],
  async (newHost) => {
    const host = await newHost();
    const peers = await peersOf(host);
    const all = peerAddresses("127.1", 3);
    monitor(host, all);
    const record = `${STATE_DIRECTORY}/sm.bak/${all[1]}`;
    const faulty = failing("EIO", "unlink,unlinkat,rename,renameat,renameat2", record);
    const run = host.start(...faulty, SM_NOTIFY, "--json", "-d", "--deadline", "20");
    await run.line(/Cannot take "127.1.0.2" off the notify list: .*Input\/output error/);
    await run.line(/"told":3,"forgotten":0,"gave_up":0/);
    assertEquals(await run.ended, 1);
    assertEquals(listed(host, "sm.bak"), [all[1]]);
    assertEquals((await peers.count()).told, 3);
  },
);

systemTest(
  "issue 14: a stale handle during a run keeps no peer from being notified",
  [SM_NOTIFY, "/usr/bin/strace"],
  async (newHost) => {
    const host = await newHost();
    const peers = await peersOf(host);
    const late = peerAddresses("127.2", 1);
    monitor(host, [...peerAddresses("127.1", 3), ...late]);
    // The record is read again only at the second turn.
    const faulty = failing(
      "ESTALE",
      "statx,stat,lstat,newfstatat",
      `${STATE_DIRECTORY}/sm.bak/${late[0]}`,
    );
    const run = host.start(...faulty, SM_NOTIFY, "--json", "-d", "--deadline", "6");
    await run.line(/"told":3,"forgotten":0,"gave_up":1/);
    assertEquals(await run.ended, 1);
    assertEquals(listed(host, "sm.bak"), late);
    assertEquals((await peers.count()).told, 3);
  },
);

systemTest("another --instance-id is another life", [SM_NOTIFY], async (newHost) => {
  const host = await newHost();
  await peersOf(host);
  for (const [id, isNew] of [["a", true], ["a", false], ["b", true], ["b", false]] as const) {
    monitor(host, peerAddresses("127.1", 1));
    const { code, stderr } = await host.run(SM_NOTIFY, "-d", "--instance-id", id);
    assertEquals([code, !stderr.includes("Already notifying clients")], [0, isNew], stderr);
  }
});

systemTest("a peer that is forgotten during a run is dropped", [SM_NOTIFY], async (newHost) => {
  const host = await newHost();
  await peersOf(host);
  monitor(host, [...peerAddresses("127.1", 1), "127.2.0.1"]);
  const run = host.start(SM_NOTIFY, "--json", "--deadline", "60");
  await run.line(/"127.1.0.1".*"told"/);
  await Deno.remove(host.path(`${STATE_DIRECTORY}/sm.bak/127.2.0.1`));
  await run.line(/"127.2.0.1".*"forgotten"/);
  await run.line(/"told":1,"forgotten":1,"gave_up":0/);
  assertEquals(await run.ended, 0);
});

systemTest(
  "sm-notify gives up with status 1, and keeps the peers that it could not notify",
  [SM_NOTIFY],
  async (newHost) => {
    const host = await newHost({ etc: { "resolv.conf": "nameserver 127.0.0.53\n" } });
    const peers = await peersOf(host);
    monitor(host, [...peerAddresses("127.1", 20), ...peerAddresses("127.2", 2), "nowhere.example"]);
    const { code, stdout } = await host.run(SM_NOTIFY, "--json", "--deadline", "1");
    assertEquals(code, 1);
    assertEquals((await peers.count()).told, 20);
    assertEquals(listed(host, "sm.bak").sort(), ["127.2.0.1", "127.2.0.2", "nowhere.example"]);
    const lines = stdout.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(lines.pop(), { state: 3, total: 23, told: 20, forgotten: 0, gave_up: 3 });
    const outcomes = new Map(lines.map((line) => [line.name, line.outcome]));
    assertEquals(outcomes.get("127.1.0.1"), "told");
    assertEquals(outcomes.get("nowhere.example"), "gave up");
  },
);

systemTest("--dry-run changes nothing", [SM_NOTIFY], async (newHost) => {
  const host = await newHost();
  monitor(host, ["127.1.0.1"]);
  const { code, stdout } = await host.run(SM_NOTIFY, "--dry-run");
  assertEquals(code, 0);
  assertMatch(
    stdout,
    /^Would tell "127\.1\.0\.1" that "nodeb\.example\.net", then "nodeb" has state 3\n$/,
  );
  assertEquals(listed(host, "sm"), ["127.1.0.1"]);
  assertEquals([...Deno.readDirSync(host.path("/run"))].filter(({ isFile }) => isFile), []);
});

systemTest("--dry-run lists a peer on both lists once", [SM_NOTIFY], async (newHost) => {
  const host = await newHost();
  monitor(host, ["127.1.0.1", "127.1.0.2"]);
  await host.output("sh", "-c", `cp -p ${STATE_DIRECTORY}/sm/127.1.0.1 ${STATE_DIRECTORY}/sm.bak`);
  const { stdout } = await host.run(SM_NOTIFY, "--dry-run", "--json");
  const names = stdout.trim().split("\n").map((line) => JSON.parse(line).name);
  assertEquals(names.sort(), ["127.1.0.1", "127.1.0.2"]);
});

systemTest(
  "--only notifies the named peers, and does nothing for a typo",
  [SM_NOTIFY],
  async (newHost) => {
    const host = await newHost();
    const peers = await peersOf(host);
    monitor(host, peerAddresses("127.1", 3));
    const typo = await host.run(SM_NOTIFY, "-d", "--only", "127.1.0.9");
    assertEquals(typo.code, 1);
    assert(typo.stderr.includes('No peer to notify is named "127.1.0.9"'), typo.stderr);
    assertEquals([listed(host, "sm").length, listed(host, "sm.bak").length], [3, 0]);
    const { code, stderr } = await host.run(SM_NOTIFY, "-d", "--only", "127.1.0.2", "--only", "x");
    assertEquals(code, 0, stderr);
    assert(stderr.includes('No peer to notify is named "x"'), stderr);
    assertEquals([...(await peers.report()).keys()], ["127.1.0.2"]);
    assertEquals(listed(host, "sm.bak").sort(), ["127.1.0.1", "127.1.0.3"]);
    assertEquals((await host.run(SM_NOTIFY, "-d")).code, 0);
    assertEquals((await peers.count()).told, 3);
  },
);

/** Runs a program on a new terminal. */
const SCRIPT = "/usr/bin/script";
const EMPTY_LINE = "\r\x1b[K";

for (const option of ["-d", "--json"]) {
  systemTest(`on a terminal ${option} shows a live line at the bottom`, [
    SM_NOTIFY,
    SCRIPT,
  ], async (newHost) => {
    const host = await newHost();
    await peersOf(host);
    monitor(host, [...peerAddresses("127.1", 5), "127.2.0.1"]);
    const command = `${SM_NOTIFY} ${option} --deadline 3`;
    const { code, stdout } = await host.run(SCRIPT, "-qefc", command, "/dev/null");
    assertEquals(code, 1);
    const [first, ...shown] = stdout.split(EMPTY_LINE);
    const live = shown.map((text) => text.split("\r\n")[0]!).filter((text) =>
      text.includes("told,")
    );
    assert(live.length > 0, stdout);
    for (const line of live) {
      assertMatch(
        line,
        /^\d of 6 peers told, \d waiting, \d failing, ([\d.]+\/s|next try in \d\.\d s), \d\.\d s left to try$/,
      );
    }
    // Without the live line, the output equals that without a terminal, line by line.
    const lines = [first!, ...shown.filter((text) => !live.includes(text))].join("").split("\r\n");
    assertEquals(lines.pop(), "");
    for (const line of lines) assertMatch(line, option === "-d" ? /^sm-notify: / : /^\{.*\}$/);
  });
}

systemTest("a run that is killed at any moment loses no peer", [SM_NOTIFY], async (newHost) => {
  const KILLS = 20;
  const PEERS = 2000;
  const host = await newHost();
  const peers = await peersOf(host);
  const addresses = peerAddresses("127.1", PEERS);
  const { random, seed } = seededRandom();
  let expected: number | undefined;
  let killed = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    monitor(host, addresses);
    await peers.forget();
    const left = random(PEERS);
    // Every fourth kill happens during the move to sm.bak, the others during the notices.
    const isEarly = kill % 4 === 0;
    const first = host.start(SM_NOTIFY, "-f", "--json");
    await eventually("it is time to kill", () => {
      const isThere = listed(host, "sm").length <= (isEarly ? left : 0);
      return first.hasEnded || isThere && (isEarly || listed(host, "sm.bak").length <= left);
    });
    if (!first.hasEnded) await first.kill("KILL").catch(() => {}); // the run may just have ended
    if (await inTime("end of the first run", first.ended) !== 0) killed++;
    const { code, stderr } = await host.run(SM_NOTIFY, "-f", "--json");
    const where = `seed ${seed}, kill ${kill}`;
    assertEquals(code, 0, `${where}: ${stderr}`);
    expected = expected === undefined ? 3 : expected + 2;
    assertEquals(stateNumber(host), expected, where);
    assertEquals(listed(host, "sm"), [], where);
    assertEquals(listed(host, "sm.bak"), [], where);
    const report = await peers.report();
    const untold = addresses.filter((address) =>
      !report.get(address)?.notices.includes(`nodeb ${expected}`)
    );
    assertEquals(untold, [], where);
  }
  assert(killed > KILLS / 2, `only ${killed} of ${KILLS} runs were killed before their end`);
});
