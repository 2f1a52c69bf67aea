/**
 * The messages of etcd's JSON gateway, as far as a ledger needs them: keys and values in base64, 64-bit
 * numbers as strings, fields that are zero left out. All keys and values of ours are ASCII.
 *
 * Source: etcd's api_grpc_gateway and rpc.proto, v3.4 to v3.6.
 */

import { jsonObject } from "../json_object.ts";

/** A key with what it holds. */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
  /** The revision of its last change. */
  readonly modRevision: number;
}

/** What a call came to. */
export interface Reply {
  readonly clusterId: string;
  /** The revision of the store after the call. */
  readonly revision: number;
  /** Of a transaction: whether all that it compares was so. */
  readonly hasSucceeded: boolean;
  /** Of a range, or of the ranges in a transaction. */
  readonly found: readonly KeyValue[];
  /** Of a range: whether there are more keys than were asked for. */
  readonly hasMore: boolean;
  /** Of an authentication. */
  readonly token?: string;
}

/** An error that etcd tells. */
export interface EtcdError {
  /** A code of gRPC. */
  readonly code: number;
  readonly message: string;
}

/** That the last change of a key was at a revision; 0 is a key that is not there. */
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

/** The body of a range over keys from `from` up to but not `to`; of the key alone without `to`. */
export function rangeBody(from: string, to?: string, limit?: number): string {
  return JSON.stringify({
    key: btoa(from),
    ...(to === undefined ? {} : { range_end: btoa(to) }),
    ...(limit === undefined ? {} : { limit: `${limit}` }),
  });
}

/** The body of a transaction: `failure` is done where one of `compare` is not so. */
export function transactionBody(
  compare: readonly unknown[],
  success: readonly unknown[],
  failure: readonly unknown[] = [],
): string {
  return JSON.stringify({ compare, success, failure });
}

/** Reads the answer to a call that went well; undefined for a text that is none of etcd's. */
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

/** Reads an error; undefined for a text that is none of etcd's. */
export function parseError(text: string): EtcdError | undefined {
  const fields = jsonObject(text);
  const { code, message, error } = fields ?? {};
  const said = typeof message === "string" ? message : error;
  if (typeof code !== "number" || typeof said !== "string") return undefined;
  return { code, message: said };
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

/** A list; empty where the field is left out. */
function listOf(value: unknown): readonly unknown[] | undefined {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : undefined;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return value as Readonly<Record<string, unknown>>;
}

/** A revision: JSON has 64-bit numbers as strings; those from 1 on that a number holds exactly. */
function int64(value: unknown): number | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

/** The bytes behind base64, each as a character; undefined where it is none. */
function decodedBase64(base64: unknown): string | undefined {
  if (typeof base64 !== "string") return undefined;
  try {
    return atob(base64);
  } catch {
    return undefined;
  }
}
