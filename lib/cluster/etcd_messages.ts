/**
 * Messages of etcd's JSON gateway, as far as a ledger needs them: keys and values in base64, 64-bit
 * numbers as strings, zero fields omitted. All our keys and values are ASCII.
 *
 * Source: etcd's api_grpc_gateway and rpc.proto, v3.4 to v3.6.
 */

import { jsonObject } from "../json_object.ts";
import { quote } from "../quote.ts";

/** Key and value. */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
  /** Revision of the last change. */
  readonly modRevision: number;
}

/** Parsed reply. */
export interface Reply {
  readonly clusterId: string;
  /** Revision of the store after the call. */
  readonly revision: number;
  /** Transaction: whether all comparisons succeeded. */
  readonly hasSucceeded: boolean;
  /** Results of a range, or of the ranges in a transaction. */
  readonly found: readonly KeyValue[];
  /** Range: whether more keys exist than requested. */
  readonly hasMore: boolean;
  /** Token of an authentication. */
  readonly token?: string;
}

/** Error reply. */
export interface EtcdError {
  /** gRPC status code. */
  readonly code: number;
  readonly message: string;
}

/** Comparison: the key was last changed at the revision; 0: it does not exist. */
export function unchangedSince(key: string, revision: number): unknown {
  return { key: btoa(key), target: "MOD", result: "EQUAL", mod_revision: `${revision}` };
}

export function putting(key: string, value: string): unknown {
  return { request_put: { key: btoa(key), value: btoa(value) } };
}

export function deleting(key: string): unknown {
  return { request_delete_range: { key: btoa(key) } };
}

export function reading(key: string): unknown {
  return { request_range: { key: btoa(key) } };
}

/** Body of a range from `from` (inclusive) to `to` (exclusive), or of the single key. */
export function rangeBody(from: string, to?: string, limit?: number): string {
  return JSON.stringify({
    key: btoa(from),
    ...(to === undefined ? {} : { range_end: btoa(to) }),
    ...(limit === undefined ? {} : { limit: `${limit}` }),
  });
}

/** Body of a transaction; `failure` is executed if a comparison fails. */
export function transactionBody(
  compare: readonly unknown[],
  success: readonly unknown[],
  failure: readonly unknown[] = [],
): string {
  return JSON.stringify({ compare, success, failure });
}

/** Parses a successful reply; undefined if it is not etcd's. */
export function parseReply(text: string): Reply | undefined {
  const fields = jsonObject(text);
  const header = objectOf(fields?.["header"]);
  const clusterId = header?.["cluster_id"];
  const revision = int64(header?.["revision"]);
  if (fields === undefined || typeof clusterId !== "string" || !/^\d{1,20}$/.test(clusterId)) {
    return undefined;
  }
  const found = keyValuesOf(fields["kvs"]);
  const inTransaction = listOf(fields["responses"])?.map((response) => {
    const range = objectOf(objectOf(response)?.["response_range"]);
    return range === undefined ? [] : keyValuesOf(range["kvs"]);
  });
  if (revision === undefined || found === undefined || inTransaction === undefined) {
    return undefined;
  }
  if (inTransaction.includes(undefined)) return undefined;
  const { succeeded, more, token } = fields;
  return {
    clusterId,
    revision,
    hasSucceeded: succeeded === true,
    found: [...found, ...inTransaction.flatMap((some) => some ?? [])],
    hasMore: more === true,
    ...(typeof token === "string" && token !== "" ? { token } : {}),
  };
}

/** Parses an error reply; undefined if it is not etcd's. */
export function parseError(text: string): EtcdError | undefined {
  const fields = jsonObject(text);
  const { code, message, error } = fields ?? {};
  const said = typeof message === "string" ? message : error;
  if (typeof code !== "number" || typeof said !== "string") return undefined;
  return { code, message: said };
}

/** Longest part shown of an answer that is not etcd's, in characters. */
const SHOWN_MAX = 60;

/** Description of an error reply that {@link parseError} cannot read. */
export function otherError(status: number, text: string): string {
  if (text.startsWith("CommonName of client")) {
    return "the client certificate has a common name, which the JSON gateway of etcd refuses: make " +
      "one without";
  }
  const shown = text.trim().slice(0, SHOWN_MAX);
  return `it answered with status ${status}${shown === "" ? "" : `: ${quote(shown)}`}`;
}

function keyValuesOf(value: unknown): KeyValue[] | undefined {
  const found: KeyValue[] = [];
  const list = listOf(value);
  for (const entry of list ?? []) {
    const { key, value = "", mod_revision } = objectOf(entry) ?? {};
    const modRevision = int64(mod_revision);
    const texts = [decodedBase64(key), decodedBase64(value)];
    const [keyText, valueText] = texts;
    if (modRevision === undefined || keyText === undefined || valueText === undefined) {
      return undefined;
    }
    found.push({ key: keyText, value: valueText, modRevision });
  }
  return list && found;
}

/** List value; empty if the field is omitted. */
function listOf(value: unknown): readonly unknown[] | undefined {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : undefined;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return value as Readonly<Record<string, unknown>>;
}

/** Positive 64-bit revision, if it fits a JavaScript number exactly. */
function int64(value: unknown): number | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

/** Decodes base64, one character per byte; undefined if invalid. */
function decodedBase64(base64: unknown): string | undefined {
  if (typeof base64 !== "string") return undefined;
  try {
    return atob(base64);
  } catch {
    return undefined;
  }
}
