/**
 * Definition of an identity: a service that moves between nodes, with the names and addresses that
 * its clients know. It comes from a section of nfs.conf, or at run time with the following keys:
 *
 * ```
 * [identity "vip1"]
 * names = nfs1.example.net            announced, each with its part before the first dot
 * addresses = 10.0.0.50, fd00::50     announced too
 * source = 10.0.0.50, fd00::50        notices are sent from; by default the first of each family, or any
 * ledger = directory:/srv/vip1/nsm    or etcd
 * when-unreachable = refuse           or local
 * deadline = 30                       seconds of a run that notifies
 * before-notify = /etc/nsm/grace      a program that is run before
 * ```
 */

import { hostNameFault, nameKey } from "../nsm/host_name.ts";
import { quote } from "../quote.ts";
import { normaliseAddress } from "../rpc/address.ts";

/** Texts of a definition, as written. */
export type DefinitionTexts = Readonly<Partial<Record<DefinitionKey, string>>>;
export type DefinitionKey =
  | "names"
  | "addresses"
  | "source"
  | "ledger"
  | "when-unreachable"
  | "deadline"
  | "before-notify";
export const DEFINITION_KEYS: readonly DefinitionKey[] = [
  "names",
  "addresses",
  "source",
  "ledger",
  "when-unreachable",
  "deadline",
  "before-notify",
];

export interface Definition {
  readonly id: string;
  /** Names and addresses that peers may know it by, in the order of announcement. */
  readonly announced: readonly string[];
  /** Own addresses to send notices from, at most one per family; empty: any. */
  readonly sources: readonly string[];
  readonly ledger: LedgerPlace;
  /** Whether new peers are acknowledged from the local disk alone while the ledger fails. */
  readonly isLocalEnough: boolean;
  /** Time limit of notifying, in seconds. */
  readonly deadlineS: number;
  /** Absolute path of a program to run before notifying. */
  readonly beforeNotify?: string;
}

/** Location of the ledger: a directory by its absolute path, or the etcd of nfs.conf. */
export type LedgerPlace =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "etcd" };

/** Thrown for an invalid definition; the message is one line. */
export class DefinitionError extends Error {
  override readonly name = "DefinitionError";
}

/** Default time limit of notifying, in seconds. */
const DEADLINE_S = 30;
const DEADLINE_MAX_S = 3_600;
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const DIRECTORY_PREFIX = "directory:";

/** Reason why a text is no identity name; undefined if it is valid. */
function idFault(id: string): string | undefined {
  if (ID.test(id)) return undefined;
  return `${quote(id)} is not an identity name: letters, digits, dots, dashes and underscores, ` +
    "64 at most";
}

/** Parses a definition. @throws {DefinitionError} */
export function readDefinition(id: string, texts: DefinitionTexts): Definition {
  const fault = idFault(id);
  if (fault !== undefined) throw new DefinitionError(fault);
  const refuse = (reason: string): never => {
    throw new DefinitionError(`Identity ${id}: ${reason}`);
  };
  const names = wordsOf(texts.names);
  for (const name of names) {
    const fault = hostNameFault(name);
    if (fault !== undefined) refuse(`${quote(name)} is no name of a host, ${fault}`);
  }
  const addresses = addressesOf(texts.addresses, refuse);
  const announced = new Map(
    [...names.flatMap(withShortName), ...addresses].map((name) => [nameKey(name), name]),
  );
  if (announced.size === 0) refuse("it needs names or addresses");
  const beforeNotify = texts["before-notify"];
  if (beforeNotify !== undefined && !beforeNotify.startsWith("/")) {
    refuse(`before-notify is the absolute path of a program, not ${quote(beforeNotify)}`);
  }
  return {
    id,
    announced: [...announced.values()],
    sources: sourcesOf(texts.source, addresses, refuse),
    ledger: placeOf(texts.ledger, refuse),
    isLocalEnough: isLocalEnough(texts["when-unreachable"], refuse),
    deadlineS: secondsOf(texts.deadline, refuse),
    ...(beforeNotify === undefined ? {} : { beforeNotify }),
  };
}

/** Definition texts in a JSON value; undefined if it is none. */
export function textsOf(value: unknown): DefinitionTexts | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  const isDefinition = entries.every(([key, text]) =>
    typeof text === "string" && (DEFINITION_KEYS as readonly string[]).includes(key)
  );
  return isDefinition ? Object.fromEntries(entries) : undefined;
}

type Refuse = (reason: string) => never;

function wordsOf(text = ""): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

function withShortName(name: string): string[] {
  const [short] = name.split(".");
  return [name, ...(short === undefined || short === "" ? [] : [short])];
}

function addressesOf(text: string | undefined, refuse: Refuse): string[] {
  return wordsOf(text).map((word) =>
    normaliseAddress(word) ?? refuse(`${quote(word)} is no numeric address`)
  );
}

function sourcesOf(
  text: string | undefined,
  addresses: readonly string[],
  refuse: Refuse,
): string[] {
  if (text?.trim() === "any") return [];
  const all = text === undefined ? addresses : addressesOf(text, refuse);
  const isIpv6 = (address: string) => address.includes(":");
  const ipv4 = all.filter((address) => !isIpv6(address));
  const ipv6 = all.filter(isIpv6);
  if (text !== undefined && (ipv4.length > 1 || ipv6.length > 1)) {
    refuse("source has one address of each family, or is any");
  }
  const sources = [...ipv4.slice(0, 1), ...ipv6.slice(0, 1)];
  if (sources.length === 0) refuse("it needs addresses, or source = any");
  return sources;
}

function placeOf(text: string | undefined, refuse: Refuse): LedgerPlace {
  if (text === undefined) return refuse("it needs a ledger: ledger = directory:/PATH, or etcd");
  if (text === "etcd") return { kind: "etcd" };
  const path = text.startsWith(DIRECTORY_PREFIX) ? text.slice(DIRECTORY_PREFIX.length) : "";
  const isPath = /^\/+[^/]/.test(path) && !path.split("/").includes("..") && !path.includes("\0");
  return isPath
    ? { kind: "directory", path: path.replace(/\/+$/, "") }
    : refuse(`${quote(text)} is not directory:/PATH, nor etcd`);
}

function isLocalEnough(text: string | undefined, refuse: Refuse): boolean {
  if (text === undefined || text === "refuse") return false;
  return text === "local" || refuse(`when-unreachable is refuse or local, not ${quote(text)}`);
}

function secondsOf(text: string | undefined, refuse: Refuse): number {
  if (text === undefined) return DEADLINE_S;
  const seconds = Number(text);
  if (/^\d+$/.test(text) && seconds > 0 && seconds <= DEADLINE_MAX_S) return seconds;
  return refuse(`a deadline is 1 to ${DEADLINE_MAX_S} seconds, not ${quote(text)}`);
}
