/** `nsmctl doctor`: diagnoses why locking would fail on this host, with remedies. */

import { misspeltSections, unknownKeys } from "../config/check_config.ts";
import { readNfsConf, systemFiles } from "../config/ini_file.ts";
import { loadStatdSettings } from "../config/load.ts";
import { STATD } from "../config/settings.ts";
import { hostResolver } from "../net/resolver.ts";
import { systemClock } from "../platform/clock.ts";
import { processOf } from "../platform/processes.ts";
import { exists } from "../platform/small_files.ts";
import { KernelState } from "../platform/kernel_state.ts";
import { addressesOfName, nameOfAddress } from "../platform/libc.ts";
import { reachDaemon } from "../control/client.ts";
import { hiddenDirectory } from "../control/hidden_directory.ts";
import { visiblePid } from "../control/unseen_daemon.ts";
import { type Command, Status } from "../nsmctl/command.ts";
import { DAEMON_CHECKS } from "./daemon_checks.ts";
import {
  type Check,
  type DaemonAnswer,
  type Examined,
  type Examiner,
  type ListFiles,
  LOCAL_TIMEOUT_MS,
  type SettingFault,
} from "./examiner.ts";
import type { Finding, Severity } from "./finding.ts";
import { IDENTITY_CHECKS } from "./identity_checks.ts";
import { NAME_CHECKS } from "./name_checks.ts";
import { PEER_CHECKS } from "./peer_checks.ts";
import { REACH_CHECKS } from "./reach_checks.ts";
import { RECORD_CHECKS } from "./record_checks.ts";
import { Remedies, shellWord } from "./remedies.ts";
import { RPC_CHECKS } from "./rpc_checks.ts";
import { STATE_CHECKS } from "./state_checks.ts";
import { unexplained } from "./unexplained.ts";
import { SYSTEM_CHECKS } from "./system_checks.ts";
import { openOwnCalls } from "../nsmctl/own_calls.ts";
import { StateReader } from "../nsmctl/state_directory.ts";
import type { Session } from "../nsmctl/session.ts";
import { filled } from "../config/help_text.ts";
import { jsonText } from "../nsmctl/text.ts";
import { reasonOf } from "../reason.ts";

/** Exit status for errors; warnings alone are {@link Status.PROBLEM}. */
const ERRORS_STATUS = 4;

/** Rows of checks: a finding of a basis check makes the rest of its row meaningless. */
const CHECKS: readonly (readonly Check[])[] = [
  [...STATE_CHECKS, ...RECORD_CHECKS],
  DAEMON_CHECKS,
  [...RPC_CHECKS, ...REACH_CHECKS],
  IDENTITY_CHECKS,
  PEER_CHECKS,
  NAME_CHECKS,
  SYSTEM_CHECKS,
];

export const doctor: Command = {
  name: "doctor",
  summary: "Find out why locking would fail here, and how to fix it.",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  options: [
    { letter: "j", long: "json", help: "Print JSON." },
    { letter: "v", long: "verbose", help: "Print the result of each check." },
  ],
  details: [
    "Nothing is changed. If several findings have one cause, only the cause is printed. The command " +
    "lines below a finding fix it on this host; they differ with and without systemd.",
    "Exit status: 0 no errors or warnings; 1 warnings; 4 errors. Errors of a running daemon also make " +
    "status exit with 1. A warning is about a possible later fault; status has few of them.",
  ],
  example: "nsmctl doctor",
  takesPeers: false,
  async run(given, session) {
    const examined = await examine(session);
    const findings = examined.flatMap(({ findings }) => findings);
    const notLookedAt = examined.flatMap(({ except }) => except ?? []);
    const { terminal } = session;
    const isVerbose = given.has("verbose");
    terminal.print(
      given.has("json")
        ? jsonText({
          findings,
          ...notLookedAt.length > 0 ? { notLookedAt } : {},
          ...isVerbose ? { checks: examined.map(checkJson) } : {},
        })
        : (isVerbose ? examinedText(examined, session) : "") +
          findingsText(findings, session, notLookedAt),
    );
    const has = (wanted: Severity) => findings.some(({ severity }) => severity === wanted);
    return has("error") ? ERRORS_STATUS : has("warning") ? Status.PROBLEM : Status.OK;
  },
};

async function examine({ stateDirectoryPath, isDefaultDirectory }: Session): Promise<Examined[]> {
  const reader = new StateReader(stateDirectoryPath);
  const calls = openOwnCalls();
  try {
    const daemon = await askDaemon(stateDirectoryPath);
    const examiner: Examiner = {
      layout: reader.layout,
      isDefaultDirectory,
      reader,
      files: readOnce(reader),
      ...readSettings(stateDirectoryPath, daemon),
      daemon,
      askAgain: () => askDaemon(stateDirectoryPath),
      calls,
      resolver: hostResolver({ addressesOfName, nameOfAddress }, systemClock),
      clock: systemClock,
      isRoot: Deno.uid() === 0,
      bootId: new KernelState().bootId() ?? "",
      remedies: new Remedies(isDefaultDirectory ? undefined : stateDirectoryPath),
    };
    // Names of peers and records may be many: behind them the own name would seem to get no answer.
    const ofNames = await examineRow(NAME_CHECKS, examiner);
    const found = await Promise.all(
      CHECKS.map((row) => row === NAME_CHECKS ? ofNames : examineRow(row, examiner)),
    );
    const examined = found.flat();
    // Its health may be that of an earlier look.
    const isOpen = unexplained(examined, daemon).length > 0;
    const now = isOpen ? await askDaemon(stateDirectoryPath, true) : daemon;
    return [...examined, ...unexplained(examined, now)];
  } finally {
    await calls.close();
  }
}

/** Reads both lists when they are first asked for: 10,000 files take a second. */
function readOnce(reader: StateReader): () => ListFiles {
  let files: ListFiles | undefined;
  return () => files ??= { monitored: reader.monitorList(), toBeNotified: reader.notifyList() };
}

/** Runs the checks of a row in order, until a basis check has a finding. */
async function examineRow(row: readonly Check[], examiner: Examiner): Promise<Examined[]> {
  const examined: Examined[] = [];
  let skipped: string | undefined;
  for (const { about, isBasis, run } of row) {
    if (skipped !== undefined) {
      examined.push({ about, findings: [], skipped });
      continue;
    }
    const one = await outcomeOf(about, run, examiner);
    examined.push(one);
    if (isBasis && one.findings.length > 0) skipped = `after ${one.findings[0]!.name}`;
  }
  return examined;
}

/** Runs a check; an error of the check itself counts as skipped, and is told as something not looked at. */
async function outcomeOf(
  about: string,
  run: Check["run"],
  examiner: Examiner,
): Promise<Examined> {
  try {
    const checked = await run(examiner);
    if ("skipped" in checked) return { about, findings: [], skipped: checked.skipped };
    if (!("findings" in checked)) return { about, findings: checked };
    const { findings, except } = checked;
    return { about, findings, ...except === undefined ? {} : { except } };
  } catch (error) {
    const skipped = reasonOf(error);
    return { about, findings: [], skipped, except: `whether ${about} (${skipped})` };
  }
}

/** Settings that statd would start with, including the options of a running daemon's command line. */
function readSettings(
  directory: string,
  daemon: DaemonAnswer,
): Pick<Examiner, "settings" | "settingFaults" | "unset"> {
  const start = { programName: "rpc.statd", env: Deno.env, files: systemFiles };
  const running = daemon.outcome === "answered" ? processOf(daemon.report.pid) : undefined;
  // Another check reports a missing directory, which must not hide other faults.
  const directoryArgs = ["-P", exists(directory) ? directory : "/"];
  const given = loadStatdSettings({
    ...start,
    args: [...running?.command.slice(1) ?? [], ...directoryArgs],
  });
  const loaded = given.kind === "run"
    ? given
    : loadStatdSettings({ ...start, args: directoryArgs });
  const conf = readNfsConf(systemFiles);
  const unknown: SettingFault[] = [
    ...unknownKeys(conf).filter(({ meant }) => meant !== undefined).map((
      { at: { source, key }, meant, error: { message } },
    ) => ({ source, key, meant, message })),
    ...misspeltSections(conf).map((fault) => ({ ...fault, key: "" })),
  ];
  if (loaded.kind === "exit") {
    const message = loaded.stderr.trim().replace(/^rpc\.statd: /, "");
    const [source = ""] = /^\/\S+:\d+/.exec(message) ?? [];
    const fault = { message, source, key: "" };
    return { settings: undefined, settingFaults: [fault, ...unknown], unset: () => [] };
  }
  const { settings, origins, warnings } = loaded;
  return {
    settings,
    settingFaults: [...warnings, ...unknown],
    unset(key) {
      const name = Object.entries(STATD).find(([, row]) => row.file?.key === key)?.[0];
      const origin = origins[name as keyof typeof origins] ?? "";
      const [, path, line] = /^(\/.*):(\d+)$/.exec(origin) ?? [];
      return path === undefined ? [] : [`sed -i '${line}s/^/# /' ${shellWord(path)}`];
    },
  };
}

/** `look`: have it look at rpcbind and lock managers first, whereby it registers again if need be. */
async function askDaemon(stateDirectoryPath: string, look = false): Promise<DaemonAnswer> {
  const hidden = hiddenDirectory(stateDirectoryPath);
  if (hidden !== undefined) return { outcome: "hidden", ...hidden };
  try {
    const reached = await reachDaemon(stateDirectoryPath, LOCAL_TIMEOUT_MS);
    if (reached.outcome !== "reached") return reached;
    using daemon = reached.daemon;
    const { status } = await daemon.ask({ command: "status", ...look ? { look } : {} });
    if (status === undefined) throw new Error("it has another version");
    const again = await reachDaemon(stateDirectoryPath, LOCAL_TIMEOUT_MS);
    if (again.outcome !== "reached") throw new Error("it has ended meanwhile");
    using lister = again.daemon;
    const entries = await lister.list();
    const pid = visiblePid(status.pid);
    if (pid === undefined) return { outcome: "elsewhere", pid: status.pid };
    return { outcome: "answered", report: { ...status, pid }, entries };
  } catch (error) {
    return { outcome: "failed", reason: reasonOf(error) };
  }
}

/** Indentation of a finding's heads, and of their texts. */
const [HEADS, TEXTS] = [2, 8];

/** Limit of command lines printed for one finding, so that other findings stay on the screen. */
const COMMANDS_SHOWN_MAX = 12;

/** Errors first. */
const ORDER: readonly Severity[] = ["error", "warning", "note"];

/** Text of the findings. */
export function findingsText(
  findings: readonly Finding[],
  { terminal: { colours, width } }: Pick<Session, "terminal">,
  notLookedAt: readonly string[] = [],
): string {
  const rest = notLookedAt.length === 0
    ? ""
    : `${filled(`Not looked at: ${notLookedAt.join("; ")}.`, width, 0)}\n`;
  if (findings.length === 0) return `${colours.good("Nothing is wrong.")}\n${rest}`;
  const line = (text: string) => filled(text, width, TEXTS);
  const paint = { error: colours.bad, warning: colours.warning, note: colours.faint };
  const command = (text: string) => `        ${colours.strong(text)}\n`;
  const commandLines = (commands: readonly string[]) => {
    const more = commands.length - COMMANDS_SHOWN_MAX;
    const left = `        … and ${more} more lines like these: nsmctl doctor --json\n`;
    return commands.slice(0, COMMANDS_SHOWN_MAX).map(command).join("") + (more > 0 ? left : "");
  };
  return ORDER.flatMap((severity) => findings.filter((one) => one.severity === severity))
    .map(({ name, severity, what, evidence, fix, commands }) =>
      `${paint[severity](severity.toUpperCase())} ${colours.strong(name)}\n` +
      `  ${filled(what, width, HEADS)}\n  seen: ${line(evidence)}\n  mend: ${line(fix)}\n` +
      commandLines(commands)
    ).join("") + rest;
}

/** Width of the results column. */
const OUTCOMES = 9;

/** Text with one line per check and its result. */
function examinedText(
  examined: readonly Examined[],
  { terminal: { colours, width } }: Pick<Session, "terminal">,
): string {
  return examined.map(({ about, findings, skipped, except }) => {
    const note = skipped ?? (except === undefined ? undefined : `not looked at: ${except}`);
    const text = note === undefined ? about : `${about} (${note})`;
    const [word, paint] = skipped !== undefined
      ? ["skipped", colours.faint] as const
      : findings.length === 0
      ? ["ok", colours.good] as const
      : ["wrong", colours.bad] as const;
    return `${paint(word)}${" ".repeat(OUTCOMES - word.length)}${filled(text, width, OUTCOMES)}\n`;
  }).join("");
}

function checkJson({ about, findings, skipped, except }: Examined) {
  const outcome = skipped !== undefined ? "skipped" : findings.length === 0 ? "ok" : "wrong";
  return {
    about,
    outcome,
    ...skipped === undefined ? {} : { reason: skipped },
    ...except === undefined ? {} : { notLookedAt: except },
  };
}
