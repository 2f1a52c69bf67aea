/** What scripts ask of one identity, and letting go of it where no daemon runs any more. */

import type { IdentityReport } from "../cluster/identity_report.ts";
import { makeLog, stderrSink } from "../log.ts";
import { lockDirectory } from "../store/directory_lock.ts";
import { IdentityFile } from "../store/identity_file.ts";
import { layoutOf } from "../store/layout.ts";
import { Status } from "./command.ts";
import { dropToOwner } from "./state_directory.ts";
import type { Session } from "./session.ts";
import { jsonText } from "./text.ts";

/** Exit status where another node holds the identity. */
export const HELD_ELSEWHERE = 4;
/** Exit status of a run that has left peers on the list, or may have: what has begun has come to its end. */
export const LEFT_TO_BE_TOLD = 6;
const WORDS = ["epoch", "number", "recorded", "pending"] as const;

/**
 * Prints one identity: a word for its state, then `WORD=NUMBER` for what is known, and last the fault;
 * the exit status says the state.
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

/**
 * Lets go of an identity on a node without a daemon: the next one does not hold it, and does not refuse
 * hosts for the sake of a ledger that has moved on. Nothing of the ledger is open, nor touched.
 *
 * @throws {Error} When the file of the identities cannot be read or written.
 */
export function releaseHere(id: string, { stateDirectoryPath, programName }: Session): void {
  dropToOwner(layoutOf(stateDirectoryPath));
  using _lock = lockDirectory(stateDirectoryPath);
  const file = new IdentityFile(
    stateDirectoryPath,
    makeLog("warning", [stderrSink("plain", programName)]),
  );
  const known = file.load();
  const { own, ...kept } = { own: undefined, ...(known[id] as object | undefined) };
  if (own !== undefined) file.save({ ...known, [id]: kept });
}
