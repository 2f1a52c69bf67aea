/** State of one identity for scripts, and its release without a daemon. */

import { DEFINITION_KEYS, type DefinitionTexts } from "../cluster/definition.ts";
import type { IdentityReport } from "../cluster/identity_report.ts";
import { makeLog, stderrSink } from "../log.ts";
import { lockDirectory } from "../store/directory_lock.ts";
import { IdentityFile } from "../store/identity_file.ts";
import { layoutOf } from "../store/layout.ts";
import { Status } from "./command.ts";
import { dropToOwner } from "./state_directory.ts";
import type { Session } from "./session.ts";
import { jsonText } from "./text.ts";

/** Exit status when another node holds the identity. */
export const HELD_ELSEWHERE = 4;
/** Exit status of a complete run that has, or may have, left peers untold. */
export const LEFT_TO_BE_TOLD = 6;
const WORDS = ["epoch", "number", "recorded", "pending"] as const;

/**
 * Prints one identity: its state, then known values as `WORD=NUMBER`, then the fault; returns the
 * exit status for its state.
 */
export function sayStatus(
  report: IdentityReport,
  isJson: boolean,
  { terminal }: Pick<Session, "terminal">,
): number {
  const { state, fault, supersededBy } = report;
  const words = WORDS.flatMap((word) =>
    report[word] === undefined ? [] : [`${word}=${report[word]}`]
  );
  const about = supersededBy === undefined ? fault : `taken by ${supersededBy}`;
  const tail = about === undefined ? "" : `: ${about}`;
  terminal.print(isJson ? jsonText(report) : `${state} ${words.join(" ")}${tail}\n`);
  switch (state) {
    case "held":
      return fault === undefined ? Status.OK : Status.SILENT;
    case "superseded":
      return HELD_ELSEWHERE;
    case "not held":
      return Status.PROBLEM;
  }
}

/** Says which settings of nfs.conf an identity does not have that was held before. */
export function sayOldSettings(
  configured: DefinitionTexts,
  acquired: readonly IdentityReport[],
  { terminal, programName }: Pick<Session, "terminal" | "programName">,
): void {
  for (const { id, texts } of acquired) {
    const changed = DEFINITION_KEYS.filter((key) => configured[key] !== texts[key]);
    if (changed.length === 0) continue;
    terminal.complain(
      `${programName}: Identity ${id} was held already, with another setting of ` +
        `${changed.join(", ")} than in nfs.conf: release it first, and acquire it again`,
    );
  }
}

/**
 * Releases an identity on a node without a daemon, so that the next daemon neither holds it, nor
 * refuses hosts for a ledger that has moved on. The ledger is not touched.
 *
 * @throws {Error} When the identity file cannot be read or written.
 */
export function releaseHere(id: string, { stateDirectoryPath, programName }: Session): void {
  dropToOwner(layoutOf(stateDirectoryPath));
  using _lock = lockDirectory(stateDirectoryPath);
  const file = new IdentityFile(
    stateDirectoryPath,
    makeLog("warning", [stderrSink("plain", programName)]),
  );
  const known = file.load();
  const { own } = { own: undefined, ...(known[id] as object | undefined) };
  const released = { ...own as object | undefined, isReleased: true };
  if (own !== undefined) file.save({ ...known, [id]: { ...known[id] as object, own: released } });
}
