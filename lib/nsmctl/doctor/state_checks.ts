/** The state directory: is it there, whose is it, will it last, and does it make sense. */

import { normaliseAddress } from "../../rpc/address.ts";
import { reasonOf } from "../../nsm/ports.ts";
import { NotifyRun } from "../../store/notify_run.ts";
import { mountOf } from "../../platform/mounts.ts";
import { type ReadFile, SILENT_LOG } from "../read_state.ts";
import { plural } from "../status.ts";
import { shown } from "../text.ts";
import type { Check, Examiner } from "./examiner.ts";
import { type Finding, finding } from "./finding.ts";

const OWNER_WRITE_SEARCH = 0o300;
/** What does not survive a reboot. */
const VOLATILE = ["tmpfs", "ramfs"];
/** A record this old whose peer has no address any more is worth a word, in ms. */
const STALE_MS = 30 * 86_400_000;
/** Names looked up at most: a name service that is slow must not make this last for ever. */
const LOOKUPS_MAX = 200;
const NAMES_SHOWN = 3;

export const checkState: Check = async (examiner) => {
  const { layout } = examiner;
  const missing = [layout.directory, layout.monitorList, layout.notifyList]
    .filter((path) => !isDirectory(path));
  if (missing.length > 0) {
    return [finding("state-directory-missing", {
      what: "Nothing can be monitored: the state directory is not complete.",
      evidence: `not there, or no directory: ${missing.join(", ")}`,
      fix: `mkdir -p ${layout.monitorList} ${layout.notifyList} && ` +
        `chown statd: ${layout.monitorList} ${layout.notifyList}`,
    })];
  }
  return [
    ...checkOwner(examiner),
    ...checkMount(examiner),
    ...checkNumber(examiner),
    ...await checkRecords(examiner),
  ];
};

function checkOwner({ layout }: Examiner): Finding[] {
  const { monitorList, notifyList } = layout;
  const [sm, bak] = [Deno.lstatSync(monitorList), Deno.lstatSync(notifyList)];
  if (sm.uid !== bak.uid) {
    return [finding("state-owner-differs", {
      what: "Peers that were told of a reboot cannot be taken off the notify list.",
      evidence: `${monitorList} belongs to uid ${sm.uid}, ${notifyList} to uid ${bak.uid}`,
      fix: `chown --reference=${monitorList} ${notifyList}`,
    })];
  }
  if (sm.uid === 0) {
    return [finding("state-owner-root", {
      what: "The daemon stays root, since its directory is root's.",
      evidence: `${monitorList} belongs to uid 0`,
      fix: `chown statd: ${monitorList} ${notifyList}, then start statd again`,
    })];
  }
  const closed = [[monitorList, sm], [notifyList, bak]] as const;
  const fault = closed.find(([, { mode }]) => (mode! & OWNER_WRITE_SEARCH) !== OWNER_WRITE_SEARCH);
  if (fault === undefined) return [];
  const [path, { mode }] = fault;
  return [finding("state-not-writable", {
    what: "The daemon cannot write its records.",
    evidence: `${path} has mode ${(mode! & 0o7777).toString(8)}`,
    fix: `chmod u+rwx ${path}`,
  })];
}

function checkMount({ layout }: Examiner): Finding[] {
  const mount = mountOf(layout.monitorList);
  if (mount === undefined) return [];
  if (mount.isReadOnly) {
    return [finding("state-not-writable", {
      what: "The daemon cannot write its records.",
      evidence: `${mount.point} is mounted read-only`,
      fix: `mount -o remount,rw ${mount.point}, or move the state directory`,
    })];
  }
  if (!VOLATILE.includes(mount.type)) return [];
  return [finding("state-on-tmpfs", {
    what: "After a reboot nobody knows which peers have to be told of it.",
    evidence: `${mount.point} is a ${mount.type}`,
    fix: "put the state directory on a disk (state-directory-path in nfs.conf)",
  })];
}

function checkNumber({ layout, reader }: Examiner): Finding[] {
  const stateNumber = reader.stateNumber();
  if (stateNumber === undefined || stateNumber % 2 !== 0) return [];
  return [finding("state-number-even", {
    what: "The state number says that this host is down.",
    evidence: `${layout.state} has ${stateNumber}; a host that is up has an odd one`,
    fix: "run sm-notify, or start statd again",
  })];
}

async function checkRecords(examiner: Examiner): Promise<Finding[]> {
  const { reader, layout, bootId } = examiner;
  const findings: Finding[] = [];
  let monitored: ReadFile[] = [];
  let toBeNotified: ReadFile[] = [];
  try {
    monitored = reader.monitorList();
    toBeNotified = reader.notifyList();
  } catch (error) {
    if (!examiner.isRoot) return []; // not ours to read, which "not-root" says
    return [finding("state-not-writable", {
      what: "The records cannot be read.",
      evidence: reasonOf(error),
      fix: `look at the permissions in ${layout.directory}, and at the disk`,
    })];
  }
  const run = new NotifyRun(layout.directory, bootId, SILENT_LOG);
  if (toBeNotified.length > 0 && !run.isGoingOn) {
    findings.push(finding("notify-list-left", {
      what: "Peers have not been told of a reboot, and nobody is telling them.",
      evidence: `${plural(toBeNotified.length, "peer")} in ${layout.notifyList}: ` +
        someOf(toBeNotified.map(({ name }) => name)),
      fix: "nsmctl notify --pending tells them now; nsmctl forget HOST gives one up",
    }));
  }
  const damaged = [...monitored, ...toBeNotified]
    .filter(({ records, faultyLines }) => records.length === 0 || faultyLines > 0);
  if (damaged.length > 0) {
    findings.push(finding("records-damaged", {
      what: "Some records cannot be read; what they said is lost.",
      evidence: `in ${layout.directory}: ${someOf(damaged.map(({ name }) => name))}`,
      fix: "look at these files, and remove them when they are of no use",
    }));
  }
  const stale = await staleNames(monitored, examiner);
  if (stale.length > 0) {
    findings.push(finding("records-stale", {
      what: "Peers are monitored that do not exist any more.",
      evidence: `${plural(stale.length, "name")} without an address, 30 days old: ${someOf(stale)}`,
      fix: "nsmctl forget --unresolvable --older-than 30d",
    }));
  }
  return findings;
}

async function staleNames(
  files: readonly ReadFile[],
  { resolver, clock }: Examiner,
): Promise<string[]> {
  const oldest = clock.wallClock() - STALE_MS;
  const names = files.flatMap(({ records }) => records)
    .filter(({ record, since }) => since < oldest && normaliseAddress(record.monName) === undefined)
    .map(({ record }) => record.monName);
  const asked = [...new Set(names)].slice(0, LOOKUPS_MAX);
  const found = await Promise.all(asked.map((name) => resolver.addressesOf(name)));
  return asked.filter((_, at) => found[at]!.outcome === "notFound");
}

function someOf(names: readonly string[]): string {
  const some = names.slice(0, NAMES_SHOWN).map(shown).join(", ");
  return names.length > NAMES_SHOWN ? `${some} and ${names.length - NAMES_SHOWN} more` : some;
}

function isDirectory(path: string): boolean {
  try {
    return Deno.lstatSync(path).isDirectory;
  } catch {
    return false; // not there, or in a place that this user may not see
  }
}
