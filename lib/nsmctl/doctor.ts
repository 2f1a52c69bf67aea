/** `nsmctl doctor`: finds why locking would fail here, and says how to mend it. */

import { systemFiles } from "../config/ini_file.ts";
import { loadStatdSettings } from "../config/load.ts";
import { hostResolver } from "../net/resolver.ts";
import { reasonOf } from "../nsm/ports.ts";
import { systemClock } from "../platform/clock.ts";
import { KernelState } from "../platform/kernel_state.ts";
import { addressesOfName, nameOfAddress } from "../platform/libc.ts";
import { reachDaemon } from "../control/client.ts";
import { type Command, Status } from "./command.ts";
import { type DaemonAnswer, type Examiner, LOCAL_TIMEOUT_MS } from "./doctor/examiner.ts";
import type { Finding, Severity } from "./doctor/finding.ts";
import { checkNames } from "./doctor/name_checks.ts";
import { checkRpc } from "./doctor/rpc_checks.ts";
import { checkState } from "./doctor/state_checks.ts";
import { checkSystem } from "./doctor/system_checks.ts";
import { openOwnCalls } from "./own_calls.ts";
import { StateReader } from "./read_state.ts";
import type { Session } from "./session.ts";
import { filled, jsonText } from "./text.ts";

/** Exit status when locking fails; warnings alone are {@link Status.PROBLEM}. */
const ERRORS_STATUS = 4;

const CHECKS = [checkState, checkRpc, checkNames, checkSystem];

export const doctor: Command = {
  name: "doctor",
  summary: "Find why locking would fail here, and how to mend it.",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  options: [{ letter: "j", long: "json", help: "Print JSON." }],
  details: [
    "Nothing is changed. Of findings that follow from one cause only the cause is told.",
    "Exit status: 0 nothing; 1 warnings; 4 errors.",
  ],
  example: "nsmctl doctor",
  takesPeers: false,
  async run(given, session) {
    const findings = await examine(session.stateDirectoryPath);
    const { terminal } = session;
    terminal.print(given.has("json") ? jsonText({ findings }) : findingsText(findings, session));
    const has = (wanted: Severity) => findings.some(({ severity }) => severity === wanted);
    return has("error") ? ERRORS_STATUS : has("warning") ? Status.PROBLEM : Status.OK;
  },
};

async function examine(stateDirectoryPath: string): Promise<Finding[]> {
  const reader = new StateReader(stateDirectoryPath);
  const calls = openOwnCalls();
  try {
    const examiner: Examiner = {
      layout: reader.layout,
      reader,
      ...readSettings(stateDirectoryPath),
      daemon: await askDaemon(stateDirectoryPath),
      calls,
      resolver: hostResolver({ addressesOfName, nameOfAddress }, systemClock),
      clock: systemClock,
      isRoot: Deno.uid() === 0,
      bootId: new KernelState().bootId() ?? "",
    };
    const found = await Promise.all(CHECKS.map((check) => check(examiner)));
    return found.flat();
  } finally {
    await calls.close();
  }
}

/** What statd would be started with. */
function readSettings(directory: string): Pick<Examiner, "settings" | "settingFaults"> {
  const start = { programName: "rpc.statd", env: Deno.env, files: systemFiles };
  const loaded = loadStatdSettings({ ...start, args: ["-P", directory] });
  if (loaded.kind === "exit") return { settings: undefined, settingFaults: [] };
  return {
    settings: loaded.settings,
    settingFaults: loaded.warnings.map(({ message }) => message),
  };
}

async function askDaemon(stateDirectoryPath: string): Promise<DaemonAnswer> {
  try {
    const reached = await reachDaemon(stateDirectoryPath, LOCAL_TIMEOUT_MS);
    if (reached.outcome !== "reached") return reached;
    using daemon = reached.daemon;
    const { status } = await daemon.ask({ command: "status" });
    if (status === undefined) throw new Error("it has another version");
    return { outcome: "answered", report: status };
  } catch (error) {
    return { outcome: "failed", reason: reasonOf(error) };
  }
}

/** Columns of what a finding says. */
const HEADS = 2;
const TEXTS = 8;

/** Errors first. */
const ORDER: readonly Severity[] = ["error", "warning", "note"];

/** The findings for people. */
export function findingsText(
  findings: readonly Finding[],
  { terminal: { colours, width } }: Pick<Session, "terminal">,
): string {
  if (findings.length === 0) return `${colours.good("Nothing is wrong.")}\n`;
  const line = (text: string) => filled(text, width, TEXTS);
  const paint = { error: colours.bad, warning: colours.warning, note: colours.faint };
  return ORDER.flatMap((severity) => findings.filter((one) => one.severity === severity))
    .map(({ name, severity, what, evidence, fix }) =>
      `${paint[severity](severity.toUpperCase())} ${colours.strong(name)}\n` +
      `  ${filled(what, width, HEADS)}\n  seen: ${line(evidence)}\n  mend: ${line(fix)}\n`
    ).join("");
}
