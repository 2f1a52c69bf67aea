/** Checks of the records: list against disk, ownership, plausibility, and pending notifications. */

import { plural } from "../quote.ts";
import { normaliseAddress } from "../rpc/address.ts";
import { nameKey } from "../nsm/host_name.ts";
import { neighboursNamed } from "../platform/processes.ts";
import { lockOfLife, RUN_FOLDER } from "../platform/run_once.ts";
import { NotifyRun } from "../store/notify_run.ts";
import { LIST_CHECKS } from "./list_checks.ts";
import { SILENT_LOG } from "../nsmctl/state_directory.ts";
import { EARLIEST_MS, isoText, isPlausible, shown } from "../nsmctl/text.ts";
import { bootTime } from "../platform/boot_time.ts";
import { exists } from "../platform/small_files.ts";
import { reasonOf } from "../reason.ts";
import { beyond, type Check, type Checked, type Examiner, reportOf, someOf } from "./examiner.ts";
import { type Finding, finding } from "./finding.ts";
import { append, awaken, endProcess, forFiles, shellWord } from "./remedies.ts";
import { uidOf, wantedOwner } from "./state_checks.ts";

/** Age at which a record of a peer without addresses is reported, in ms. */
const STALE_MS = 30 * 86_400_000;
/** Limit of look-ups, in case the name service is slow. */
const LOOKUPS_MAX = 200;
/** Implausible times, as conditions of find(1). */
const WRONG_TIMES = "'(' ! -newermt 2000-01-01 -o -newermt '+1 minute' ')'";
const SM_NOTIFY = "sm-notify";

export const RECORD_CHECKS: readonly Check[] = [
  // First, since files of another user are not read, not even by root.
  {
    about: "the records belong to the user of the daemon",
    isBasis: true,
    run: checkOwners,
  },
  { about: "the records can be read", isBasis: true, run: checkReadable },
  ...LIST_CHECKS,
  { about: "every record can be understood", run: checkDamaged },
  { about: "times of records are plausible", run: checkClock },
  { about: "peers were told of this boot", isBasis: true, run: checkToldOfBoot },
  { about: "nobody waits to be told", run: checkNotifyList },
  { about: "monitored peers have addresses", run: checkNames },
];

function checkReadable(examiner: Examiner): Checked {
  try {
    examiner.files();
    return [];
  } catch (error) {
    if (!examiner.isRoot) return { skipped: "needs root" };
    return [finding("state-not-writable", {
      what: "The records cannot be read.",
      evidence: reasonOf(error),
      fix: `look at the permissions in ${examiner.layout.directory}, and at the disk`,
    })];
  }
}

function checkOwners(examiner: Examiner): Checked {
  const { layout } = examiner;
  // Without a daemon: the user whom it becomes at its start.
  const uid = reportOf(examiner)?.uid ?? uidOf(layout.monitorList);
  if (uid === undefined || uid === 0) return { skipped: "the lists are root's" };
  const wrong = [layout.monitorList, layout.notifyList].flatMap((directory) =>
    // Only files can be records: lost+found and the like are not the daemon's.
    [...Deno.readDirSync(directory)].filter(({ isFile }) => isFile)
      .map(({ name }) => `${directory}/${name}`)
  ).filter((path) => (ownerOf(path) ?? uid) !== uid);
  if (wrong.length === 0) return [];
  return [finding("records-owner", {
    what: "The daemon can neither read nor change some of its records.",
    evidence: `not of uid ${uid}: ${someOf(wrong.map(shown))}`,
    fix: "give them to the user of statd",
    // -h: the owner of the directory could put a link to root's files in place of one.
    commands: [forFiles(`chown -h ${wantedOwner(examiner)}`, wrong, `! -uid ${uid}`)],
  })];
}

function checkDamaged(examiner: Examiner): Finding[] {
  const { layout } = examiner;
  const { monitored, toBeNotified } = examiner.files();
  const damaged = ([[layout.monitorList, monitored], [layout.notifyList, toBeNotified]] as const)
    .flatMap(([directory, files]) =>
      files.filter(({ records, faultyLines }) => records.length === 0 || faultyLines > 0)
        .map(({ name, records }) => ({
          path: `${directory}/${name}`,
          isPartly: records.length > 0,
        }))
    );
  if (damaged.length === 0) return [];
  return [finding("records-damaged", {
    what: "Some records cannot be read; what they said is lost.",
    evidence: `no records, or not only: ${someOf(damaged.map(({ path }) => shown(path)))}`,
    fix:
      "move away the files without any record, and take the other lines out of the rest; statd " +
      "has the peers it monitors in memory, and writes them again",
    commands: [
      ...damaged.flatMap(({ path, isPartly }) => {
        const [from, aside] = [path, asideFor(path, layout.directory)].map(shellWord);
        return isPartly
          ? [`cp -p ${from} ${aside}`, `sed -i ${shellWord(`/${RECORD}/!d`)} ${from}`]
          : [`mv ${from} ${aside}`];
      }),
      ...reloadOf(examiner),
    ],
  })];
}

/** Pattern of grep(1) for the start of a record: four numbers, 16 private bytes, and a name. */
const RECORD = "^\\([[:xdigit:]]\\{8\\} \\)\\{4\\}[[:xdigit:]]\\{32\\} [^ ]";

/** Path for a damaged file, which no earlier one has. */
function asideFor(path: string, directory: string): string {
  const [list, name] = path.split("/").slice(-2);
  const first = `${directory}/damaged-${list}-${name}`;
  let aside = first;
  for (let copy = 2; exists(aside); copy++) aside = `${first}.${copy}`;
  return aside;
}

function reloadOf(examiner: Examiner): string[] {
  const pid = reportOf(examiner)?.pid;
  return pid === undefined ? [] : examiner.remedies.reloadStatd(pid);
}

function checkClock(examiner: Examiner): Finding[] {
  const { clock, layout } = examiner;
  const { monitored, toBeNotified } = examiner.files();
  const now = clock.wallClock();
  const wrong = ([[layout.monitorList, monitored], [layout.notifyList, toBeNotified]] as const)
    .flatMap(([directory, files]) =>
      files.flatMap(({ name, records }) =>
        records.slice(0, 1).filter(({ since }) => !isPlausible(since, now))
          .map(({ since }) => ({ path: `${directory}/${name}`, since }))
      )
    );
  if (now >= EARLIEST_MS && wrong.length === 0) return [];
  const evidence = wrong.map(({ path, since }) => `${shown(path)} is of ${isoText(since)}`);
  return [finding("clock-implausible", {
    what: "The clock was wrong when records were written, or is wrong now; ages mean nothing.",
    evidence: `it is ${isoText(now)}; ${someOf(evidence)}`,
    fix: "check the clock (timedatectl), then date the records today",
    commands: wrong.length === 0
      ? []
      : [forFiles("touch -c", wrong.map(({ path }) => path), WRONG_TIMES)],
  })];
}

/** Detects a boot without a run of sm-notify: peers hold locks here that no longer exist. */
function checkToldOfBoot(examiner: Examiner): Checked {
  const { bootId, layout, clock, remedies } = examiner;
  const lock = lockOfLife(RUN_FOLDER, bootId).look();
  if (lock.kind === "unknown") return { skipped: lock.reason };
  const bootedAt = bootTime();
  if (bootedAt === undefined) return { skipped: "the kernel does not tell when it was booted" };
  const run = new NotifyRun(layout.directory, bootId, SILENT_LOG);
  if (lock.kind === "taken" || run.marked !== undefined || run.isGoingOn) return [];
  const before = examiner.files().monitored.filter(({ records }) =>
    records.some(({ since }) => since < Math.min(bootedAt, clock.wallClock()))
  );
  if (before.length === 0) return [];
  return [finding("reboot-not-told", {
    what: "This host has booted, and the peers that it monitored before were not told.",
    evidence: `sm-notify has not run since ${isoText(bootedAt)}; ` +
      `${plural(before.length, "peer")}: ${someOf(before.map(({ name }) => shown(name)))}`,
    fix: "tell them, and make sure that sm-notify runs at every boot" +
      (remedies.isSystemd ? " (systemctl enable nfs-client.target)" : ""),
    commands: remedies.tellPeers(),
  })];
}

function checkNotifyList(examiner: Examiner): Finding[] {
  const { layout, bootId, remedies } = examiner;
  const { toBeNotified } = examiner.files();
  if (toBeNotified.length === 0) return [];
  const evidence = `${plural(toBeNotified.length, "peer")} in ${layout.notifyList}: ` +
    someOf(toBeNotified.map(({ name }) => shown(name)));
  const telling = remedies.nsmctl("notify", "--pending");
  const stopped = neighboursNamed(SM_NOTIFY).find(({ state }) => state === "T");
  if (stopped !== undefined) {
    return [finding("notify-stopped", {
      what: "Peers are not told of our reboot: sm-notify was stopped by a signal.",
      evidence: `process ${stopped.pid}; ${evidence}`,
      fix: "resume it",
      commands: awaken(stopped.pid, [...endProcess(stopped.pid), telling]),
    })];
  }
  if (new NotifyRun(layout.directory, bootId, SILENT_LOG).isGoingOn) return [];
  return [finding("notify-list-left", {
    what: "Peers have not been told of a reboot, and no sm-notify is running to tell them.",
    evidence,
    fix: "tell them now; nsmctl forget HOST gives up a host that no longer exists",
    commands: [telling],
  })];
}

async function checkNames(examiner: Examiner): Promise<Checked> {
  const { resolver, clock, reader, remedies } = examiner;
  const named = examiner.files().monitored.flatMap(({ records }) => records)
    .filter(({ record }) => normaliseAddress(record.monName) === undefined);
  const since = new Map(named.map(({ record, since }) => [record.monName, since]));
  const asked = [...since.keys()].slice(0, LOOKUPS_MAX);
  const found = await Promise.all(asked.map((name) => resolver.addressesOf(name)));
  const silent = found.filter(({ outcome }) => outcome === "tryLater").length;
  if (silent > 0 && silent === asked.length) {
    return { skipped: `the name service did not answer for ${plural(silent, "name")}` };
  }
  const unasked = beyond(LOOKUPS_MAX, since.size, "names of peers");
  const unanswered = silent === 0 ? [] : [`${plural(silent, "name")} without an answer`];
  const except = [...unasked === undefined ? [] : [unasked], ...unanswered].join(", ");
  const lost = asked.filter((_, at) => found[at]!.outcome === "notFound");
  const oldest = clock.wallClock() - STALE_MS;
  const isStale = (name: string) => since.get(name)! < oldest && since.get(name)! >= EARLIEST_MS;
  const stale = lost.filter(isStale);
  const fresh = lost.filter((name) => !isStale(name));
  const facts = reader.facts();
  const findings: Finding[] = [];
  if (stale.length > 0) {
    findings.push(finding("records-stale", {
      what: "Some monitored peers no longer exist.",
      evidence: `${plural(stale.length, "name")} without an address, 30 days old: ` +
        someOf(stale.map(shown)),
      fix: "forget them; you are asked first",
      commands: [remedies.nsmctl("forget", "--unresolvable", "--older-than", "30d")],
    }));
  }
  if (fresh.length > 0) {
    findings.push(finding("peers-without-address", {
      what:
        "Monitored peers have no address: they are not told of our reboots, and theirs are not recognised.",
      evidence: someOf(fresh.map(shown)),
      fix: "add them to the DNS or /etc/hosts",
      commands: fresh.slice(0, LOOKUPS_MAX).flatMap((name) => {
        const address = facts.get(nameKey(name))?.addresses[0] ?? "ADDRESS";
        return append(`${address} ${name}`, "/etc/hosts");
      }),
    }));
  }
  return { findings, except: except === "" ? undefined : except };
}

function ownerOf(path: string): number | undefined {
  try {
    return Deno.lstatSync(path).uid ?? undefined;
  } catch {
    return undefined; // removed meanwhile
  }
}
