/** Checks of the state directory: existence, ownership, permissions, space, and persistence. */

import { freeOf, hasRoom } from "../platform/disk_space.ts";
import { mountOf } from "../platform/proc.ts";
import { statdUser, userName } from "../platform/users.ts";
import { reasonOf } from "../reason.ts";
import { type Check, type Examiner, reportOf } from "./examiner.ts";
import { type Finding, finding } from "./finding.ts";
import type { Layout } from "../store/layout.ts";
import { shellWord } from "./remedies.ts";

/** Begin of the daemon's words for a state number that it may not read. */
const NUMBER_UNREAD = "The state number cannot be read";
/** Begin of the daemon's words for a list that it cannot write. */
const CANNOT_WRITE = /^(?:told peers stay on the notify list: )?Cannot write /;
/** Part of the daemon's words for a full disk, which another check is about. */
const NO_ROOM = "No space left";
const OWNER_WRITE_SEARCH = 0o300;
/** File systems that do not survive a reboot. */
const VOLATILE = ["tmpfs", "ramfs"];

export const STATE_CHECKS: readonly Check[] = [
  { about: "nothing is mounted over the state directory", isBasis: true, run: checkHidden },
  { about: "the state directory is complete", isBasis: true, run: checkComplete },
  { about: "the lists belong to the user of the daemon", run: checkOwner },
  { about: "the state directory can be written", isBasis: true, run: checkWritable },
  { about: "the disk has room", run: checkSpace },
  { about: "the state directory survives a reboot", run: checkLasting },
  { about: "the state number is that of a host that is up", run: checkNumber },
];

function checkHidden({ daemon, remedies }: Examiner): Finding[] {
  if (daemon.outcome !== "hidden") return [];
  const { pid, point } = daemon;
  return [finding("state-directory-hidden", {
    what: "The status monitor serves a directory that something was mounted over.",
    evidence: `process ${pid} works in the directory that ${point} hides`,
    fix: "unmount it; what belongs there has to be mounted before statd starts" +
      (remedies.isSystemd ? " (RequiresMountsFor= of the unit)" : ""),
    commands: [`umount ${shellWord(point)}`],
  })];
}

function checkComplete({ layout, ...examiner }: Examiner): Finding[] {
  const missing = [layout.directory, layout.monitorList, layout.notifyList]
    .filter((path) => !isDirectory(path));
  if (missing.length === 0) return [];
  const owner = wantedOwner({ layout, ...examiner });
  const lists = missing.filter((path) => path !== layout.directory).map(shellWord).join(" ");
  const pid = reportOf({ layout, ...examiner })?.pid;
  return [finding("state-directory-missing", {
    what: "Nothing can be monitored: the state directory is not complete.",
    evidence: `not there, or no directory: ${missing.join(", ")}`,
    fix: missing.includes(layout.directory) && !examiner.isDefaultDirectory
      ? `check whether ${layout.directory} is the right directory; if so, create what is missing`
      : pid === undefined
      ? "create what is missing"
      : "create what is missing; statd has its peers in memory, and writes them again",
    commands: [
      ...missing.includes(layout.directory) ? [`mkdir -p ${shellWord(layout.directory)}`] : [],
      `install -d -m 700 -o ${owner} ${lists}`,
      ...pid === undefined ? [] : examiner.remedies.reloadStatd(pid),
    ],
  })];
}

function checkOwner(examiner: Examiner): Finding[] {
  const { monitorList, notifyList } = examiner.layout;
  const lists = [monitorList, notifyList].map((path) => ({ path, uid: infoOf(path).uid }));
  const report = reportOf(examiner);
  const owner = wantedOwner(examiner);
  const evidence = lists.map(({ path, uid }) => `${path} belongs to uid ${uid}`).join(", ");
  // A daemon that has dropped root cannot write root's directories.
  const wrong = report === undefined || report.uid === 0
    ? lists[0]!.uid === lists[1]!.uid ? [] : lists
    : lists.filter(({ uid }) => uid !== report.uid);
  const commands = [`chown ${owner} ${lists.map(({ path }) => shellWord(path)).join(" ")}`];
  if (wrong.length > 0) {
    return [finding("state-owner-differs", {
      what: wrong[0]!.path === monitorList && report !== undefined && report.uid !== 0
        ? "No peer can be monitored: the list does not belong to the daemon."
        : "Peers that were told of a reboot cannot be taken off the notify list.",
      evidence: report === undefined ? evidence : `${evidence}; statd runs as uid ${report.uid}`,
      fix: "give both lists to the user of statd",
      commands,
    })];
  }
  if (lists[0]!.uid !== 0) return [];
  const change = `chown -R ${owner} ${lists.map(({ path }) => shellWord(path)).join(" ")}`;
  return [finding("state-owner-root", {
    what: "The daemon stays root, since its directory is root's.",
    evidence,
    fix: owner === "root"
      ? "create a user for statd, stop it, give both lists to that user, and start it again"
      : "stop statd, give both lists to its user, and start it again",
    commands: owner === "root"
      ? []
      : report === undefined
      ? [change]
      : examiner.remedies.restartStatd(report.pid, [change]),
  })];
}

function checkWritable(examiner: Examiner): Finding[] {
  const { layout } = examiner;
  const lists = [layout.monitorList, layout.notifyList];
  const mount = mountOf(layout.monitorList);
  const notWritable = (evidence: string, fix: string, ...commands: string[]) => [
    finding("state-not-writable", {
      what: "The daemon cannot write its records.",
      evidence,
      fix,
      commands,
    }),
  ];
  if (mount?.isReadOnly) {
    return notWritable(
      `${mount.point} is mounted read-only`,
      "make it writable (dmesg says whether the disk failed), or move the state directory",
      `mount -o ${mount.isReadOnlyHere ? "remount,bind,rw" : "remount,rw"} ${
        shellWord(mount.point)
      }`,
    );
  }
  for (const path of lists) {
    const { mode } = infoOf(path);
    if ((mode! & OWNER_WRITE_SEARCH) === OWNER_WRITE_SEARCH) continue;
    const octal = (mode! & 0o7777).toString(8);
    return notWritable(
      `${path} has mode ${octal}`,
      "give its owner write permission",
      `chmod u+rwx ${shellWord(path)}`,
    );
  }
  const closed = closedFolder(layout.directory, infoOf(layout.monitorList).uid ?? 0);
  if (closed !== undefined) {
    const { path, mode, uid } = closed;
    return notWritable(
      `${path} has mode ${mode.toString(8)} and belongs to uid ${uid}: statd's user cannot pass it`,
      // For all: the folder may be of statd's group, and then the permissions for others do not count.
      "let everyone pass; they see no names in it",
      `chmod a+x ${shellWord(path)}`,
    );
  }
  const report = reportOf(examiner);
  const told = report?.degraded.find((reason) =>
    CANNOT_WRITE.test(reason) && !reason.includes(NO_ROOM)
  );
  // Another check is about lists of another user.
  const isOwner = lists.every((path) => infoOf(path).uid === report?.uid);
  if (told === undefined || !isOwner) return [];
  const paths = lists.map(shellWord).join(" ");
  return notWritable(
    told,
    "the following shows attributes (i and a: chattr -i -a), access lists, and what SELinux or " +
      "AppArmor has denied",
    `lsattr -d ${paths}`,
    `getfacl -p ${paths}`,
    ...examiner.remedies.isSystemd
      ? ["journalctl -k --grep=denied -n 10"]
      : ["dmesg | grep -i denied | tail"],
  );
}

/** Folder on the way to the lists that a user cannot pass; a group may let the user pass. */
function closedFolder(directory: string, uid: number) {
  for (let path = Deno.realPathSync(directory);; path = path.replace(/\/[^/]*$/, "") || "/") {
    const { mode, uid: owner } = Deno.statSync(path);
    const bit = owner === uid ? 0o100 : 0o011;
    if (uid !== 0 && (mode! & bit) === 0) return { path, mode: mode! & 0o7777, uid: owner };
    if (path === "/") return undefined;
  }
}

function checkSpace({ layout }: Examiner): Finding[] {
  const free = freeOf(layout.monitorList);
  if (free === undefined || hasRoom(free)) return [];
  const point = mountOf(layout.monitorList)?.point ?? layout.monitorList;
  const isFull = free.files > 0;
  return [finding("disk-full", {
    what: "No peer can be monitored: the disk is full.",
    evidence: isFull ? `${point} has ${free.bytes} bytes left` : `${point} has no inodes left`,
    fix: `free space on ${point}; the following shows what uses it. statd needs no restart`,
    commands: [
      isFull
        ? `du -xak ${shellWord(point)} | sort -rn | head`
        : `du -x --inodes ${shellWord(point)} | sort -rn | head`,
    ],
  })];
}

function checkLasting({ layout }: Examiner): Finding[] {
  const mount = mountOf(layout.monitorList);
  if (mount === undefined || !VOLATILE.includes(mount.type)) return [];
  return [finding("state-on-tmpfs", {
    what: "A reboot erases the list of peers that have to be told of it.",
    evidence: `${mount.point} is a ${mount.type}`,
    fix: "put the state directory on a disk (state-directory-path in nfs.conf, or a volume)",
  })];
}

function checkNumber(examiner: Examiner): Finding[] {
  const { layout, reader } = examiner;
  let stateNumber: number | undefined;
  try {
    stateNumber = reader.stateNumber();
  } catch (error) {
    return [finding("state-number-lost", {
      what: "The state number cannot be read; every SM_MON fails.",
      evidence: reasonOf(error),
      fix: `look at ${layout.state}`,
    })];
  }
  const told = reportOf(examiner)?.faults.find((fault) => fault.startsWith(NUMBER_UNREAD));
  if (told !== undefined) {
    return [finding("state-number-lost", {
      what: "The daemon cannot read the state number; every SM_MON fails.",
      evidence: told,
      fix: "let everybody read it, as it is no secret",
      commands: [`chmod a+r ${shellWord(layout.state)}`],
    })];
  }
  if (stateNumber === undefined) return [];
  const ours = reportOf(examiner)?.stateNumber ?? 0;
  const right = ours % 2 === 0 ? stateNumber | 1 : ours;
  const doubt = reader.stateDoubt();
  if (doubt !== undefined) {
    return [finding("state-number-doubtful", {
      what: "The state number may be damaged; peers are told it all the same.",
      evidence: `${layout.state}: ${doubt}`,
      fix: "write the number that was used last; without a backup it is this one, and peers only " +
        "compare it with the one before",
      commands: writeNumber(right, layout),
    })];
  }
  if (stateNumber % 2 !== 0) return [];
  return [finding("state-number-even", {
    what: "The state number says that this host is down.",
    evidence: `${layout.state} has ${stateNumber}; a host that is up has an odd one`,
    fix: "write the odd number that statd tells peers there; a restart does not fix it",
    commands: [`printf '${octal(right)}' > ${shellWord(layout.state)}`],
  })];
}

/** Writes the number, and the copy that makes it the one that was used before. */
function writeNumber(stateNumber: number, { state, stateCopy }: Layout): string[] {
  return [
    `printf '${octal(stateNumber)}' > ${shellWord(state)}`,
    `echo ${stateNumber} > ${shellWord(stateCopy)}`,
  ];
}

/** Number in host byte order, as octal escapes for printf(1). */
function octal(stateNumber: number): string {
  return [...new Uint8Array(Int32Array.of(stateNumber).buffer)]
    .map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
}

/** Right owner of the lists: the daemon's user, else a list's owner, else the user that packages create. */
export function wantedOwner({ layout, ...examiner }: Examiner): string {
  const uids = [
    reportOf({ layout, ...examiner })?.uid,
    ...[layout.monitorList, layout.notifyList].map(uidOf),
  ];
  const uid = uids.find((uid) => uid !== undefined && uid !== 0);
  if (uid !== undefined) return userName(uid) ?? String(uid);
  return statdUser()?.name ?? "root";
}

/** Facts about a list; it may be a link of root's, as the daemon accepts it. */
function infoOf(path: string): Deno.FileInfo {
  const info = Deno.lstatSync(path);
  return info.isSymlink && info.uid === 0 ? Deno.statSync(path) : info;
}

export function uidOf(path: string): number | undefined {
  try {
    return infoOf(path).uid ?? undefined;
  } catch {
    return undefined;
  }
}

function isDirectory(path: string): boolean {
  try {
    return infoOf(path).isDirectory;
  } catch {
    return false; // missing, or not visible to this user
  }
}
