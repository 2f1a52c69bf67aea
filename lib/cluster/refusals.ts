/** Refusals of actions on identities. */

import { messageOf } from "../reason.ts";
import {
  type Definition,
  DefinitionError,
  type DefinitionTexts,
  readDefinition,
} from "./definition.ts";
import { type Ownership, SupersededError } from "./ledger.ts";

/** Machine-readable reason of a refusal. */
export type RefusalCode = "unknown" | "held" | "unreachable" | "superseded" | "invalid";

export class RefusedError extends Error {
  override readonly name = "RefusedError";

  constructor(readonly code: RefusalCode, message: string) {
    super(message);
  }
}

/** Parses a definition. @throws {RefusedError} */
export function definitionOf(id: string, texts: DefinitionTexts): Definition {
  try {
    return readDefinition(id, texts);
  } catch (error) {
    if (error instanceof DefinitionError) throw new RefusedError("invalid", error.message);
    throw error;
  }
}

/** Warning about a forced release; `error`: why the ledger could not be written. */
export function leftBehind(
  { id, ledger }: Pick<Definition, "id" | "ledger">,
  unreplicated: number,
  error: unknown,
): string {
  const owed = unreplicated === 0
    ? ""
    : `; ${unreplicated} hosts are not on record and will not be notified`;
  const reason = messageOf(error).replace(`Identity ${id}: `, "");
  const hanging = ledger.kind === "directory"
    ? "; a call that hangs keeps its file system busy until it returns, or until rpc.statd is restarted"
    : "";
  return `Identity ${id} was released by force, but its ledger still says that this node ` +
    `holds it: ${reason}${owed}${hanging}`;
}

export function unknown(id: string): RefusedError {
  const advice = `nfs.conf has no section [identity "${id}"], and nobody has added it`;
  return new RefusedError("unknown", `There is no identity ${id}: ${advice}`);
}

export function sharedLedger(id: string, other: string): RefusedError {
  return new RefusedError(
    "invalid",
    `Identity ${id}: its ledger is that of identity ${other}; each needs a directory of its own`,
  );
}

/** Refusal to take an identity from its owner; `ownName` is the name of this node. */
export function heldElsewhere(
  id: string,
  { node, since }: Ownership,
  ownName: string,
): RefusedError {
  const [by, advice] = node === ownName
    ? [
      `another host called ${node}`,
      `give each node a host name of its own, or say --fenced if that host is dead, or was this one ` +
      "with another state directory",
    ]
    : [node, "release it there, or say --fenced if that node is dead"];
  return new RefusedError("held", `Identity ${id} is held by ${by} since ${since}: ${advice}`);
}

/** Node that has superseded an owner, and a line about that. */
export function lossOf(own: Ownership, { by }: SupersededError): { by: string; text: string } {
  const isNamesake = by?.node === own.node && by.life !== own.life;
  const node = isNamesake ? `another host called ${by.node}` : by?.node ?? "another node";
  const how = by?.isReleased === true ? "released" : "taken";
  const advice = isNamesake ? ": give each node a host name of its own" : "";
  return { by: node, text: `${node} has ${how} it; this node does not hold it any more${advice}` };
}

/** Converts an action's error to a refusal. */
export function refusalOf(id: string, error: unknown): RefusedError {
  if (error instanceof RefusedError) return error;
  const code = error instanceof SupersededError ? "superseded" : "unreachable";
  return new RefusedError(code, `Identity ${id}: ${messageOf(error)}`);
}
