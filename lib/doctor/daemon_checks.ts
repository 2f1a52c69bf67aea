/** Checks of our daemon: whether it runs, is the right one, and is as it was started. */

import project from "../../deno.json" with { type: "json" };
import {
  childrenOf,
  directoryOf,
  freePort,
  holderOfPort,
  isContained,
  neighboursNamed,
  type Process,
  processOf,
  STATD_PROCESS,
  worksIn,
} from "../platform/processes.ts";
import { servingProcess } from "../control/hung_daemon.ts";
import { isOurProgram } from "../control/unseen_daemon.ts";
import type { Identity } from "../platform/privileges.ts";
import { hostNetworkNamespace, ownNetworkNamespace } from "../platform/proc.ts";
import { statdPidFile } from "../platform/pid_file.ts";
import { exists, readableText } from "../platform/small_files.ts";
import { type Check, type Checked, type Examiner, reportOf, restartOnceSafe } from "./examiner.ts";
import { type Finding, finding } from "./finding.ts";
import { isNeeded, NOT_NEEDED } from "./need.ts";
import { awaken, endProcess, set, shellWord, whoIs } from "./remedies.ts";
import { quote } from "../quote.ts";

const LOG_SOCKET = "/dev/log";
/** Limit of open files below which TCP calls and look-ups compete for them. */
const OPEN_FILES_MIN = 256;
/** Limit of open files in the unit. */
const OPEN_FILES = 4096;
/** Run time after which a callout is reported, in ms. */
const CALLOUT_PATIENCE_MS = 10_000;
/** Time that a daemon needs to write its records again, in s. */
const WRITING_S = 2;
const NOT_ANSWERED = { skipped: "no daemon has answered" };
/** Faults reported by other checks. */
const TOLD_ELSEWHERE =
  /^Running as root|^Cannot write |^The state number |No space left|Read-only file system|^HA callout .* (?:has run for|cannot be run)|^listening at|^records that were taken |^told peers stay on |^identity \S+ was taken by /;

export const DAEMON_CHECKS: readonly Check[] = [
  { about: "statd runs", isBasis: true, run: checkRunning },
  { about: "statd answers at its control socket", isBasis: true, run: checkAnswering },
  { about: "statd is in the network of this shell", isBasis: true, run: checkNamespace },
  { about: "the program of statd is the one that is installed", run: checkReplaced },
  { about: "the pid file names statd", run: checkPidFile },
  { about: "statd may open enough files", run: checkLimits },
  { about: "messages of statd go somewhere", run: checkLog },
  { about: "callouts end", run: checkCallouts },
  { about: "no doubtful notice was passed on", run: checkNotices },
  { about: "statd works as well as it should", run: checkDegraded },
];

function checkRunning(examiner: Examiner): Checked {
  if (examiner.daemon.outcome !== "absent") return [];
  const { layout: { directory }, settings, remedies } = examiner;
  const others = neighboursNamed(STATD_PROCESS);
  const other = others.find(({ pid }) => worksIn(pid, directory)) ??
    others.find(({ pid }) => directoryOf(pid) !== undefined);
  if (other !== undefined) return [someoneElse(other, examiner)];
  const port = settings?.port ?? 0;
  const holder = port === 0 ? undefined : holderOfPort("udp", port) ?? holderOfPort("tcp", port);
  if (holder !== undefined) {
    return [finding("port-taken", {
      what: "No status monitor runs: another program has its port.",
      evidence: `port ${port} of nfs.conf: ${whoIs(holder)}`,
      fix: "choose another port or stop that program, then start statd",
      commands: [...set("statd", "port", String(freePort(port))), ...remedies.startStatd()],
    })];
  }
  if (!isNeeded(examiner)) return NOT_NEEDED;
  return [finding("statd-not-running", {
    what: "No status monitor runs; lock requests over NFS 2 and 3 fail.",
    evidence: "nothing answers at the control socket",
    fix: "start it",
    commands: remedies.startStatd(),
  })];
}

/** Finding for a daemon without a control socket: its list is in memory, and on disk as far as writable. */
function withoutSocket(one: Process, reason: string, { remedies }: Examiner): Finding {
  return finding("statd-silent", {
    what: "The status monitor runs for this directory, but its control socket is missing.",
    evidence: `${reason}; what is not on disk is in its memory`,
    fix: "fix what prevents its creation, have statd write what it monitors, and restart it",
    commands: [
      ...remedies.reloadStatd(one.pid),
      `sleep ${WRITING_S} # what it monitors may be in its memory alone`,
      ...remedies.restartStatd(one.pid),
    ],
  });
}

function someoneElse(other: Process, { layout: { directory }, remedies }: Examiner): Finding {
  const served = directoryOf(other.pid) ?? "";
  if (isOurProgram(other)) {
    return finding("statd-other-directory", {
      what: "The status monitor that runs serves another state directory.",
      evidence: `${whoIs(other)}; nobody serves ${directory}`,
      fix: "look there, or see that nfs.conf and its command line name one directory",
      commands: [`nsmctl doctor -P ${shellWord(served)}`],
    });
  }
  return finding("statd-other-program", {
    what: "A status monitor of another make runs in place of this one.",
    evidence: whoIs(other),
    fix: "end that one and start this one, which takes its records over",
    commands: [...endProcess(other.pid), ...remedies.startStatd()],
  });
}

function checkAnswering(examiner: Examiner): Checked {
  const { daemon, isRoot, layout, remedies } = examiner;
  if (daemon.outcome === "elsewhere") {
    return [finding("statd-other-namespace", {
      what: "The status monitor runs in a container whose processes cannot be seen from here.",
      evidence: `it answers as process ${daemon.pid}, which is another program or none here`,
      fix: "run nsmctl doctor in that container",
    })];
  }
  if (daemon.outcome !== "failed") return [];
  if (!isRoot) return { skipped: "needs root" };
  const unseen = daemon.pid === undefined ? undefined : processOf(daemon.pid);
  if (unseen !== undefined) return [withoutSocket(unseen, daemon.reason, examiner)];
  const servingPid = servingProcess(layout.directory);
  const one = servingPid === undefined ? undefined : processOf(servingPid);
  if (one !== undefined && daemon.owner !== undefined) {
    return [ofOtherUser(one, daemon.owner, daemon.reason, examiner)];
  }
  return [finding("statd-silent", {
    what: one?.state === "D"
      ? "The status monitor waits for a disk that does not answer."
      : "The status monitor is running but does not answer.",
    evidence: one === undefined ? daemon.reason : `${whoIs(one)}: ${daemon.reason}`,
    fix: one?.state === "D"
      ? "see dmesg, and the mount of the state directory; a restart would have to wait as well"
      : "what it has acknowledged is on disk",
    commands: one === undefined || one.state === "D"
      ? []
      : awaken(one.pid, remedies.killStatd(one.pid)),
  })];
}

/** Finding for a daemon that never was root: its socket could be an impostor's, and root does not ask it. */
function ofOtherUser(
  one: Process,
  { uid, gid }: Identity,
  reason: string,
  { remedies }: Examiner,
): Finding {
  return finding("statd-other-user", {
    what: "The status monitor runs as a user whose control socket root does not trust.",
    evidence: `${whoIs(one)}: ${reason}`,
    fix: "ask it as that user; it serves, and needs no restart",
    commands: [
      `setpriv --reuid=${uid} --regid=${gid} --clear-groups ${remedies.nsmctl("status")}`,
      `setpriv --reuid=${uid} --regid=${gid} --clear-groups ${remedies.nsmctl("doctor")}`,
    ],
  });
}

function checkNamespace(examiner: Examiner): Checked {
  const report = reportOf(examiner);
  const own = ownNetworkNamespace();
  if (report?.networkNamespace === undefined || own === undefined) return NOT_ANSWERED;
  if (report.networkNamespace === own) return [];
  return [finding("statd-other-namespace", {
    what: "The status monitor runs in another network namespace.",
    evidence: `process ${report.pid} is in ${report.networkNamespace}, we are in ${own}`,
    fix: "start statd where the mounts and exports are, or use another state directory there",
    // The daemon of a container is the container's.
    commands: isContained(report.pid)
      ? []
      : [...endProcess(report.pid), ...examiner.remedies.startStatd()],
  })];
}

function checkReplaced(examiner: Examiner): Checked {
  const report = reportOf(examiner);
  if (report === undefined) return NOT_ANSWERED;
  const one = processOf(report.pid);
  const isOld = report.version !== project.version;
  if (!isOld && one?.isProgramReplaced !== true) return [];
  return [finding("statd-replaced", {
    what: "The status monitor that runs is not the one that is installed.",
    evidence: isOld
      ? `process ${report.pid} is version ${report.version}, nsmctl ${project.version}`
      : `the program of process ${report.pid} was replaced or removed since it was started`,
    ...restartOnceSafe(report, examiner),
  })];
}

function checkPidFile(examiner: Examiner): Checked {
  const report = reportOf(examiner);
  if (report === undefined) return NOT_ANSWERED;
  const path = examiner.settings?.pidFile ??
    statdPidFile(ownNetworkNamespace(), hostNetworkNamespace());
  const text = readableText(path)?.trim();
  if (text === undefined) return { skipped: `there is no ${path}` };
  if (text === String(report.pid)) return [];
  return [finding("pid-file-wrong", {
    what:
      "The pid file does not name the status monitor; whatever reads it signals another process.",
    evidence: `${path} has ${quote(text)}, statd is process ${report.pid}`,
    fix: "write its process id there",
    commands: [`echo ${report.pid} > ${shellWord(path)}`],
  })];
}

function checkLimits(examiner: Examiner): Checked {
  const pid = reportOf(examiner)?.pid;
  const limits = pid === undefined ? undefined : readableText(`/proc/${pid}/limits`);
  const soft = /^Max open files\s+(\d+)/m.exec(limits ?? "")?.[1];
  if (soft === undefined) return NOT_ANSWERED;
  if (Number(soft) >= OPEN_FILES_MIN) return [];
  return [finding("statd-limits", {
    what: "The status monitor may open only a few files; calls wait when it has none left.",
    evidence: `${soft} open files (RLIMIT_NOFILE of process ${pid})`,
    fix: "raise the limit, also where it is started (LimitNOFILE= of a unit, ulimit -n)",
    commands: examiner.remedies.isSystemd
      ? [`prlimit --pid ${pid} --nofile=${OPEN_FILES}`]
      : [`ulimit -n ${OPEN_FILES}`, ...examiner.remedies.restartStatd(pid!)],
  })];
}

/** A daemon in the background has only the system log. */
function checkLog(examiner: Examiner): Checked {
  const pid = reportOf(examiner)?.pid;
  if (pid === undefined) return NOT_ANSWERED;
  if (exists(LOG_SOCKET)) return [];
  let stderr: string;
  try {
    stderr = Deno.readLinkSync(`/proc/${pid}/fd/2`);
  } catch {
    return { skipped: "needs root" };
  }
  if (stderr !== "/dev/null") return [];
  return [finding("log-nowhere", {
    what: "The messages of the status monitor are lost.",
    evidence: `there is no ${LOG_SOCKET}, and standard error of process ${pid} is ${stderr}`,
    fix: "start a system log (rsyslogd, systemd-journald), or have rpc.statd run with -F, which " +
      "logs to standard error",
    commands: examiner.remedies.isSystemd
      ? ["systemctl start systemd-journald-dev-log.socket"]
      : [],
  })];
}

function checkCallouts(examiner: Examiner): Checked {
  const { settings } = examiner;
  const pid = reportOf(examiner)?.pid;
  if (pid === undefined || settings?.haCallout === undefined) {
    return { skipped: "there is no ha-callout, or no daemon has answered" };
  }
  const program = settings.haCallout;
  const hanging = childrenOf(pid).find(({ command, ageMs }) =>
    command.includes(program) && ageMs > CALLOUT_PATIENCE_MS
  );
  if (hanging === undefined) return [];
  return [finding("callout-hangs", {
    what: "The ha-callout program does not end; the next event waits for it.",
    evidence: `process ${hanging.pid} (${hanging.command.join(" ")}) has run for ${
      Math.round(hanging.ageMs / 1000)
    } s`,
    fix: `end it, and see what it waits for; statd ends it after ${settings.haCalloutTimeout} s`,
    commands: [`kill -KILL ${hanging.pid}`],
  })];
}

function checkNotices(examiner: Examiner): Checked {
  const report = reportOf(examiner);
  if (report === undefined) return NOT_ANSWERED;
  const doubtful = report.faults.find((fault) => fault.includes("doubtful"));
  if (doubtful === undefined || examiner.settings?.notifySourceCheck === "enforce") return [];
  const source = report.problems.findLast(({ message }) => message.includes("SM_NOTIFY"))?.message;
  return [finding("notices-doubtful", {
    what: "Something announces reboots in the name of peers; lock managers drop their locks.",
    evidence: doubtful + (source === undefined ? "" : `: ${source}`),
    fix: "refuse such notices; with peers behind NAT see statd(8) first",
    commands: [
      ...set("statd", "notify-source-check", "enforce"),
      ...set("statd", "notify-state-check", "enforce"),
      ...examiner.remedies.reloadStatd(report.pid),
    ],
  })];
}

function checkDegraded(examiner: Examiner): Checked {
  const report = reportOf(examiner);
  if (report === undefined) return NOT_ANSWERED;
  const reasons = report.degraded.filter((reason) => !TOLD_ELSEWHERE.test(reason));
  if (reasons.length === 0) return [];
  return [finding("statd-degraded", {
    what: "The status monitor is degraded.",
    evidence: reasons.join("; "),
    fix: "fix what is named; the log says more. A restart loses what could not be written to disk",
    commands: examiner.remedies.isSystemd ? ["journalctl -u rpc-statd -n 50"] : [],
  })];
}
