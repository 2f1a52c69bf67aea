/**
 * Validation of answers on the control socket. Another process may pretend to be the daemon, so
 * answers are checked before use.
 */

import type { RefusalCode } from "../cluster/refusals.ts";
import type { IdentityReport } from "../cluster/identity_report.ts";
import { printable } from "../quote.ts";
import type { ControlAnswer, ListEntry } from "./protocol.ts";
import type { StatusReport } from "./status_report.ts";

/** Longest line of an answer, in characters: a page of a list with thousands of names per entry. */
export const LINE_MAX = 16_777_216;

/** Required type of a field. */
type Shape =
  | "text"
  | "number"
  | "numbers"
  | "strings"
  | "texts"
  | readonly [element: Readonly<Record<string, Shape>>]
  | Readonly<{ [name: string]: Shape }>;

const OPTIONAL: ReadonlySet<string> = new Set([
  "bootId",
  "networkNamespace",
  "registrationFault",
  "resolvedAt",
  "epoch",
  "number",
  "since",
  "supersededBy",
  "fault",
]);

const STATUS: Record<keyof StatusReport, Shape> = {
  version: "text",
  pid: "number",
  uid: "number",
  startedAt: "text",
  uptimeSeconds: "number",
  residentBytes: "number",
  stateNumber: "number",
  bootId: "text",
  stateDirectory: "text",
  networkNamespace: "text",
  transports: [{ netid: "text", address: "text", port: "number" }],
  health: "text",
  faults: "texts",
  registrationFault: "text",
  peers: "number",
  registrations: "number",
  unresolvedPeers: "number",
  keptNotices: "number",
  toBeNotified: "number",
  callbacks: { pending: "number" },
  counters: "numbers",
  degraded: "texts",
  problems: [{ at: "text", level: "text", message: "text", count: "number", resolvedAt: "text" }],
};

const IDENTITY: Record<keyof IdentityReport, Shape> = {
  id: "text",
  texts: "strings",
  state: "text",
  epoch: "number",
  number: "number",
  since: "text",
  supersededBy: "text",
  recorded: "number",
  pending: "number",
  unread: "number",
  unreplicated: "number",
  fault: "text",
};

const CODES: readonly RefusalCode[] = ["unknown", "held", "unreachable", "superseded", "invalid"];

/**
 * Parses one line: a page of a list, or the end of an answer. Texts for people become printable;
 * names in a list are kept unchanged.
 *
 * @throws {Error} When the line is neither.
 */
export function readAnswer(line: string): ControlAnswer | readonly ListEntry[] {
  const value = parse(line);
  if (Array.isArray(value)) {
    if (value.every(isListEntry)) return value;
  } else if (isRecord(value)) {
    const { ok, reason, code, status, count, told, failed, identities, stuck } = value;
    if (ok === false && typeof reason === "string") {
      const isCode = (CODES as readonly unknown[]).includes(code);
      return { ok, reason: printable(reason), ...(isCode ? { code: code as RefusalCode } : {}) };
    }
    const isRight = ok === true && [count, told].every((it) => it === undefined || isNumber(it)) &&
      (failed === undefined || isTexts(failed)) &&
      (stuck === undefined || typeof stuck === "string") &&
      (status === undefined || isOf(STATUS, status)) &&
      (identities === undefined || isOf([IDENTITY], identities));
    if (isRight) return printableTexts(value) as ControlAnswer;
  }
  throw new Error("The daemon's answer is not valid: is it another program?");
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isListEntry(value: unknown): value is ListEntry {
  if (!Array.isArray(value) || value.length < 8) return false;
  return value.every((it, i) => i < 2 || i >= 8 ? typeof it === "string" : isNumber(it));
}

function isOf(shape: Shape, value: unknown): boolean {
  if (shape === "text") return typeof value === "string";
  if (shape === "number") return isNumber(value);
  if (shape === "texts") return isTexts(value);
  if (shape === "numbers") return isRecord(value) && Object.values(value).every(isNumber);
  if (shape === "strings") return isRecord(value) && isTexts(Object.values(value));
  if (Array.isArray(shape)) {
    const [element] = shape as readonly [Shape];
    return Array.isArray(value) && value.every((it) => isOf(element, it));
  }
  return isRecord(value) &&
    Object.entries(shape).every(([name, of]) =>
      value[name] === undefined ? OPTIONAL.has(name) : isOf(of, value[name])
    );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((it) => typeof it === "string");
}

/** Makes all texts in a value printable, including field names. */
function printableTexts(value: unknown): unknown {
  if (typeof value === "string") return printable(value);
  if (Array.isArray(value)) return value.map(printableTexts);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, it]) => [printable(name), printableTexts(it)]),
  );
}
