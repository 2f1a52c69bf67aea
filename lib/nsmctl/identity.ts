/** `nsmctl identity`: services that move between nodes, with their clients' locks. */

import {
  DEFINITION_KEYS,
  DefinitionError,
  type DefinitionKey,
  type DefinitionTexts,
  readDefinition,
} from "../cluster/definition.ts";
import { DEADLINE_MS } from "../cluster/identities.ts";
import { type RefusalCode, RefusedError } from "../cluster/refusals.ts";
import type { IdentityReport } from "../cluster/identity_report.ts";
import { systemFiles } from "../config/ini_file.ts";
import type { IdentityRequest } from "../control/identity_protocol.ts";
import { type Daemon, reachDaemon } from "../control/client.ts";
import { type Command, type Given, Status, TIMEOUT_OPTION } from "./command.ts";
import { notifyIdentity } from "./identity_notify.ts";
import { configuredIdentities, type ConfiguredIdentity } from "./identity_settings.ts";
import { HELD_ELSEWHERE, releaseHere, sayOldSettings, sayStatus } from "./identity_state.ts";
import { prepareLedger, withView } from "./ledger_directory.ts";
import { unreachable } from "./state_directory.ts";
import type { Session } from "./session.ts";
import { plural } from "../quote.ts";
import { renderTable } from "./table.ts";
import { jsonText } from "./text.ts";

/** Default time limit of an acquire or a release, in seconds. */
const DEADLINE_S = DEADLINE_MS / 1000;
/** Longest deadline, in seconds. */
const DEADLINE_MAX_S = 3_600;
const ACTIONS = ["list", "status", "acquire", "notify", "release", "add", "remove"] as const;
type Action = typeof ACTIONS[number];

/** Exit status of each refusal. */
const STATUSES: Readonly<Record<RefusalCode, number>> = {
  unknown: Status.PROBLEM,
  invalid: Status.PROBLEM,
  held: HELD_ELSEWHERE,
  superseded: HELD_ELSEWHERE,
  unreachable: Status.SILENT,
};

export const identity: Command = {
  name: "identity",
  summary: "Move services between nodes: acquire, notify, release, add, remove, list, status.",
  operands: "ACTION [ID]",
  operandsMin: 1,
  operandsMax: 2,
  options: [
    { long: "fenced", help: "With acquire: the node that holds it is known to be dead." },
    { long: "force", help: "With release: even if the ledger does not answer." },
    {
      long: "deadline",
      argument: "SECONDS",
      help: "Time limit; default: 8, with notify that of the identity or 30.",
    },
    { long: "names", argument: "NAMES", help: "With add: the names by which clients know it." },
    { long: "addresses", argument: "ADDRESSES", help: "With add: its addresses." },
    {
      long: "source",
      argument: "ADDRESSES",
      help: "With add: the address that notices are sent from, or any.",
    },
    { long: "ledger", argument: "LEDGER", help: "With add: directory:/PATH, or etcd." },
    {
      long: "when-unreachable",
      argument: "WORD",
      help: "With add: for new hosts while the ledger fails: refuse (default), or local.",
    },
    {
      long: "before-notify",
      argument: "PROGRAM",
      help: "With add: program to run before the first notice.",
    },
    { letter: "j", long: "json", help: "Print JSON, with notify one line for each peer." },
    TIMEOUT_OPTION,
  ],
  details: [
    "nsm-cluster(7) explains identities. An identity in nfs.conf need not be added.",
    "acquire makes this node the owner, with a new state number and the hosts on the ledger. notify " +
    "tells the hosts of earlier owners; run it when exports and address are up. release ends the " +
    "ownership, so that the file system of the ledger can be unmounted. status prints one line for " +
    "scripts.",
    "Exit status: 0; 1 if the identity does not exist or is not held; 3 if no daemon runs, except " +
    "with release; 4 if another node holds it; 5 if its ledger does not answer; 6 if notify has not told every peer.",
  ],
  example: "nsmctl identity acquire vip1 --fenced",
  takesPeers: false,
  async run(given, session) {
    const [action, id] = given.operands;
    const fault = usageFault(given);
    if (fault !== undefined) {
      session.terminal.complain(`${session.programName}: ${fault}`);
      return Status.USAGE;
    }
    // The other actions are for cluster managers, and a daemon that loads a long list may take as
    // long as its ledger. A user who lists the identities of a hung daemon is informed as soon as
    // by other commands.
    const deadlineMs = 1000 * Number(given.get("deadline") ?? DEADLINE_S);
    const patience = action === "list"
      ? session.timeoutMs
      : Math.max(session.timeoutMs, deadlineMs);
    const reached = await reachDaemon(session.stateDirectoryPath, patience);
    if (reached.outcome === "absent" && action === "release") {
      releaseHere(id!, session);
      return Status.OK;
    }
    if (reached.outcome === "absent") {
      session.terminal.complain(
        `${session.programName}: rpc.statd does not run: start it; it holds the identities of this node`,
      );
      return Status.NOT_RUNNING;
    }
    if (reached.outcome === "failed") {
      throw unreachable(session.stateDirectoryPath, reached.reason);
    }
    using daemon = reached.daemon;
    try {
      return await act(action as Action, id ?? "", given, session, daemon);
    } catch (error) {
      if (!(error instanceof RefusedError || error instanceof DefinitionError)) throw error;
      session.terminal.complain(`${session.programName}: ${error.message}`);
      return error instanceof RefusedError ? STATUSES[error.code] : Status.PROBLEM;
    }
  },
};

function usageFault(given: Given): string | undefined {
  const [action, id] = given.operands;
  if (!(ACTIONS as readonly unknown[]).includes(action)) {
    return `an action is one of ${ACTIONS.join(", ")}`;
  }
  if (action !== "list" && id === undefined) return `${action} needs the name of an identity`;
  if (action === "list" && id !== undefined) return "list takes no name";
  if (given.has("fenced") && action !== "acquire") return "--fenced belongs to acquire";
  if (given.has("force") && action !== "release") return "--force belongs to release";
  const words = DEFINITION_KEYS.filter((key) => key !== "deadline");
  const word = words.find((key) => given.has(key));
  if (word !== undefined && action !== "add") return `--${word} belongs to add`;
  const seconds = given.get("deadline");
  if (seconds === undefined) return undefined;
  const isTime = Number(seconds) > 0 && Number(seconds) <= DEADLINE_MAX_S;
  return isTime ? undefined : `a deadline is above 0 and at most ${DEADLINE_MAX_S} seconds`;
}

async function act(
  action: Action,
  id: string,
  given: Given,
  session: Session,
  daemon: Daemon,
): Promise<number> {
  const { terminal } = session;
  const deadlineS = given.has("deadline") ? Number(given.get("deadline")) : undefined;
  const time = deadlineS === undefined ? {} : { deadlineMs: deadlineS * 1000 };
  const ask = (request: IdentityRequest) => daemon.ask(request);
  const command = "identity" as const;
  switch (action) {
    case "list": {
      const { identities = [] } = await ask({ command, action });
      terminal.print(
        listText(withConfigured(identities, configured()), given.has("json"), session),
      );
      return Status.OK;
    }
    case "status": {
      const { identities = [] } = await ask({ command, action: "list" });
      const report = withConfigured(identities, configured()).find((each) => each.id === id);
      if (report === undefined) throw new RefusedError("unknown", `There is no identity ${id}`);
      return sayStatus(report, given.has("json"), session);
    }
    case "acquire":
      return await acquire({ id, isFenced: given.has("fenced"), ...time }, given, session, daemon);
    case "notify": {
      const report = await reportOf(daemon, id);
      if (report === undefined) throw new RefusedError("unknown", `Identity ${id} is not held`);
      return await notifyIdentity({
        report,
        deadlineS,
        isJson: given.has("json"),
        session,
        daemon,
      });
    }
    case "add":
      await ask({ command, action, id, texts: textsOfOptions(given) });
      return Status.OK;
    case "remove":
      await ask({ command, action, id, ...time });
      return Status.OK;
    case "release": {
      const { stuck } = await ask({ command, action, id, isForced: given.has("force"), ...time });
      if (stuck !== undefined) terminal.complain(`${session.programName}: ${stuck}`);
      return Status.OK;
    }
  }
}

async function acquire(
  asked: { readonly id: string; readonly isFenced: boolean; readonly deadlineMs?: number },
  given: Given,
  session: Session,
  daemon: Daemon,
): Promise<number> {
  const { id } = asked;
  const texts = configuredTexts(id);
  const known = texts ?? (await reportOf(daemon, id))?.texts;
  const definition = known === undefined ? undefined : readDefinition(id, known);
  if (definition !== undefined) await prepareLedger(definition, session);
  const request = {
    command: "identity",
    action: "acquire",
    ...asked,
    ...texts && { texts },
  } as const;
  const { identities = [] } = await daemon.ask(request).catch(async (error) => {
    const isRefusal = definition !== undefined && error instanceof RefusedError;
    throw isRefusal ? await withView(error, definition, daemon) : error;
  });
  if (texts !== undefined) sayOldSettings(texts, identities, session);
  session.terminal.print(listText(identities, given.has("json"), session));
  return Status.OK;
}

async function reportOf(daemon: Daemon, id: string): Promise<IdentityReport | undefined> {
  const { identities = [] } = await daemon.ask({ command: "identity", action: "list" });
  return identities.find((report) => report.id === id);
}

function configured(): Map<string, ConfiguredIdentity> {
  return configuredIdentities(Deno.env, systemFiles);
}

/** @throws {DefinitionError} When its section is faulty. */
function configuredTexts(id: string): DefinitionTexts | undefined {
  const { texts, fault } = configured().get(id) ?? {};
  if (fault !== undefined) throw new DefinitionError(fault.message);
  return texts;
}

/** Identities of the daemon, and further ones in nfs.conf. */
export function withConfigured(
  reports: readonly IdentityReport[],
  inNfsConf: ReadonlyMap<string, ConfiguredIdentity>,
): IdentityReport[] {
  const others = [...inNfsConf].filter(([id]) => !reports.some((report) => report.id === id));
  return [
    ...reports,
    ...others.map(([id, { texts, fault }]) => ({
      id,
      texts: { ...texts },
      state: "not held" as const,
      recorded: 0,
      pending: 0,
      unread: 0,
      unreplicated: 0,
      ...(fault === undefined ? {} : { fault: fault.message }),
    })),
  ];
}

function textsOfOptions(given: Given): DefinitionTexts {
  const texts: Partial<Record<DefinitionKey, string>> = {};
  for (const key of DEFINITION_KEYS) {
    const text = given.get(key);
    if (text !== undefined) texts[key] = text;
  }
  return texts;
}

/** Identities as a table, or as JSON. */
export function listText(
  reports: readonly IdentityReport[],
  isJson: boolean,
  { terminal: { width, colours } }: Pick<Session, "terminal">,
): string {
  if (isJson) return jsonText(reports);
  if (reports.length === 0) return "There are no identities.\n";
  const columns = [
    { title: "IDENTITY", endsHead: true },
    { title: "STATE" },
    { title: "EPOCH", align: "right" },
    { title: "NUMBER", align: "right" },
    { title: "MONITORED", align: "right" },
    { title: "TO BE TOLD", align: "right" },
    { title: "FAULT", mayShrink: true },
  ] as const;
  const rows = reports.map((report) => [
    report.id,
    report.supersededBy === undefined ? report.state : `taken by ${report.supersededBy}`,
    `${report.epoch ?? ""}`,
    `${report.number ?? ""}`,
    `${report.recorded}`,
    `${report.pending}`,
    report.fault ?? (report.unread > 0 ? `${plural(report.unread, "line")} cannot be read` : ""),
  ]);
  return renderTable(columns, rows, width, colours);
}
