/**
 * Checks of identities. Clients of an address lock here, and are recorded only if its identity is
 * held, and if the daemon can use the ledger. A node that does not hold an identity has to be able
 * to take it at any time.
 */

import { type Definition, readDefinition } from "../cluster/definition.ts";
import type { IdentityReport } from "../cluster/identity_report.ts";
import { etcdConfig } from "../config/etcd_settings.ts";
import { systemFiles } from "../config/ini_file.ts";
import { reachDaemon } from "../control/client.ts";
import { openEtcd, openLedger } from "../control/ledgers.ts";
import { ownAddresses } from "../net/own_interfaces.ts";
import { withConfigured } from "../nsmctl/identity.ts";
import { configuredIdentities, identityFaults } from "../nsmctl/identity_settings.ts";
import { ledgerAdvice } from "../nsmctl/ledger_directory.ts";
import { foreignView } from "../platform/foreign_view.ts";
import { mountOf } from "../platform/proc.ts";
import { isContained } from "../platform/processes.ts";
import { messageOf } from "../reason.ts";
import type { Clock } from "../time/clock.ts";
import {
  type Check,
  type Checked,
  type Examiner,
  LOCAL_TIMEOUT_MS,
  NOT_ANSWERED_HERE,
  reportHere,
} from "./examiner.ts";
import { type Finding, finding } from "./finding.ts";
import { replaceWord } from "./remedies.ts";

export const IDENTITY_CHECKS: readonly Check[] = [
  { about: "the sections [identity] and [etcd] of nfs.conf are valid", run: checkSections },
  { about: "the identities of our addresses are held here", run: checkHeld },
  { about: "no other node has taken an identity of this node", run: checkTaken },
  { about: "etcd answers for the ledgers of our identities", run: checkEtcd },
  { about: "the daemon can write to the ledgers that are mounted here", run: checkLedgers },
];

function checkSections(): Finding[] {
  const faults = identityFaults(Deno.env, systemFiles);
  if (faults.length === 0) return [];
  return [finding("identity-faulty", {
    what: "An identity in nfs.conf has an invalid setting: this node cannot acquire it.",
    evidence: faults.map(({ message }) => message).join("; "),
    fix:
      "correct it; rpc.statd --check-config shows what applies. rpc.statd reads [etcd] when it " +
      "starts, and has to be restarted after a change there",
    commands: faults.flatMap(({ source, key, meant }) => {
      const [, path, line] = /^(\/.*):(\d+)$/.exec(source) ?? [];
      if (path === undefined || meant === undefined) return [];
      return [replaceWord(line!, key, meant, path)];
    }),
  })];
}

async function checkHeld(examiner: Examiner): Promise<Checked> {
  if (reportHere(examiner) === undefined) {
    return { skipped: "no daemon of this network has answered" };
  }
  const own = ownAddresses();
  if (own === undefined) return { skipped: "the addresses of this host cannot be listed" };
  const here = (await identitiesOf(examiner)).filter(({ state }) => state !== "held")
    .map((report) => ({ ...report, addresses: addressesAmong(own, report) }))
    .filter(({ addresses }) => addresses.length > 0);
  if (here.length === 0) return [];
  return [finding("identity-not-held", {
    what:
      "An address is here without its identity: clients that lock at it are not on record, and " +
      "lose their locks when it moves.",
    evidence: here.map(({ id, addresses, supersededBy }) => {
      const by = supersededBy === undefined ? "" : `, which was taken by ${supersededBy}`;
      return `${addresses.join(", ")} of identity ${id}${by}`;
    }).join("; "),
    fix:
      "take the address away if another node serves it; else acquire the identity, and look for what " +
      "has brought up the address without it",
    commands: here.map(({ id }) => examiner.remedies.nsmctl("identity", "acquire", id)),
  })];
}

/** An old owner that was not rebooted after its loss; one that was does not hold the identity. */
async function checkTaken(examiner: Examiner): Promise<Checked> {
  if (reportHere(examiner) === undefined) {
    return { skipped: "no daemon of this network has answered" };
  }
  const own = ownAddresses() ?? [];
  const taken = (await identitiesOf(examiner)).filter((report) =>
    report.state === "superseded" && addressesAmong(own, report).length === 0
  );
  if (taken.length === 0) return [];
  return [finding("identity-taken", {
    what: "Another node has taken an identity that this node held, and has not released.",
    evidence: taken.map(({ id, supersededBy = "another node" }) => `${id}, by ${supersededBy}`)
      .join("; "),
    fix: "if that node is to serve it, release it here",
    commands: taken.map(({ id }) => examiner.remedies.nsmctl("identity", "release", id)),
  })];
}

/** Reads each owner in etcd with the settings that nfs.conf has now. */
async function checkEtcd({ isRoot }: Examiner): Promise<Checked> {
  const configured = configuredIdentities(Deno.env, systemFiles);
  const definitions = [...configured].flatMap(([id, { texts, fault }]) =>
    fault === undefined ? [readDefinition(id, texts)] : []
  ).filter(({ ledger }) => ledger.kind === "etcd");
  if (definitions.length === 0) return { skipped: "no identity has its ledger in etcd" };
  if (!isRoot) return { skipped: "only root can read the files of [etcd]" };
  if (identityFaults(Deno.env, systemFiles).length > 0) {
    return { skipped: "the sections of nfs.conf are invalid" };
  }
  const reason = await etcdFault(definitions);
  if (reason === undefined) return [];
  return [finding("ledger-unreachable", {
    what: "The ledgers of identities do not answer: this node cannot acquire them.",
    evidence: reason,
    fix: "fix what is named, and restart rpc.statd after a change of [etcd] or its files; " +
      "nsm-cluster(7) describes the access",
  })];
}

/** Why the owners of identities cannot be read; undefined if they can. */
async function etcdFault(definitions: readonly Definition[]): Promise<string | undefined> {
  const etcd = openEtcd(() => etcdConfig(Deno.env, systemFiles));
  if (etcd.kind === "fault") return etcd.reason;
  try {
    for (const definition of definitions) await openLedger(definition, () => etcd).owner();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

async function checkLedgers(examiner: Examiner): Promise<Checked> {
  const report = reportHere(examiner);
  if (report === undefined) return NOT_ANSWERED_HERE;
  const found = [];
  for (const { id, texts } of await identitiesOf(examiner)) {
    const { ledger } = readDefinition(id, texts);
    if (ledger.kind !== "directory") continue;
    const path = await presentPath(ledger.path, examiner.clock);
    if (path === undefined) continue;
    const view = foreignView(report.pid, path);
    const advice = ledgerAdvice(view, path);
    if (advice === undefined) continue;
    const isReadOnly = view === "read-only";
    found.push(finding("ledger-not-usable", {
      what: `The daemon cannot use the ledger of identity ${id}: with it, new hosts get no lock.`,
      evidence: `${path} is ${isReadOnly ? "read-only" : "another directory, or none,"} in the ` +
        `mount namespace of process ${report.pid}`,
      fix: advice,
      commands: commandsToUse(path, isReadOnly, report.pid, examiner),
    }));
  }
  return found;
}

/** Remedy for a ledger that the daemon cannot use; none in a container, whose volumes are made outside. */
function commandsToUse(
  path: string,
  isReadOnly: boolean,
  pid: number,
  { remedies }: Examiner,
): string[] {
  if (isContained(pid)) return [];
  return isReadOnly
    ? remedies.letStatdWrite(pid, mountOf(path)?.point ?? path)
    : remedies.showMounts(pid);
}

/** Path of a directory without links; undefined if it is not here, or if its file system hangs. */
async function presentPath(directory: string, clock: Clock): Promise<string | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const cancel = clock.startTimer(LOCAL_TIMEOUT_MS, () => resolve(undefined));
  try {
    return await Promise.race([Deno.realPath(directory), late]);
  } catch {
    return undefined;
  } finally {
    cancel();
  }
}

/** Identities that the daemon knows, and the valid ones of nfs.conf. */
async function identitiesOf({ layout }: Examiner): Promise<readonly IdentityReport[]> {
  const reached = await reachDaemon(layout.directory, LOCAL_TIMEOUT_MS);
  if (reached.outcome !== "reached") throw new Error("the daemon has ended meanwhile");
  using daemon = reached.daemon;
  const { identities = [] } = await daemon.ask({ command: "identity", action: "list" });
  const valid = [...configuredIdentities(Deno.env, systemFiles)]
    .filter(([, { fault }]) => fault === undefined);
  return withConfigured(identities, new Map(valid));
}

function addressesAmong(
  own: readonly string[],
  { id, texts }: Pick<IdentityReport, "id" | "texts">,
): string[] {
  return readDefinition(id, texts).announced.filter((name) => own.includes(name));
}
