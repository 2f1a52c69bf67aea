/**
 * In-memory etcd: keys, transactions and users. Replies of the JSON gateway are those of 3.4.23 to
 * the letter where a client reads them.
 */

import type { HttpAnswer } from "../../lib/cluster/etcd_client.ts";

interface Entry {
  value: string;
  modRevision: number;
}

type Fields = Readonly<Record<string, string>>;

/** Operation of a transaction, as sent. */
interface Operation {
  readonly request_put?: Fields;
  readonly request_delete_range?: Fields;
  readonly request_range?: Fields;
}

interface Transaction {
  readonly compare: readonly Fields[];
  readonly success: readonly Operation[];
  readonly failure: readonly Operation[];
}

/** Maximum number of operations in a transaction. */
const OPERATIONS_MAX = 128;

export class FakeEtcd {
  readonly keys = new Map<string, Entry>();
  revision = 1;
  clusterId = "14841639068965178418";
  /** Passwords by user; undefined while authentication is off. */
  users: Map<string, string> | undefined;
  readonly tokens = new Set<string>();
  /** Paths of all calls. */
  readonly calls: string[] = [];
  #tokens = 0;

  /** Answers a call. */
  answer(path: string, body: string, token: string | undefined): HttpAnswer {
    this.calls.push(path);
    const fields = JSON.parse(body);
    if (path === "/v3/auth/authenticate") return this.#authenticate(fields);
    if (this.users !== undefined && !this.tokens.has(token ?? "")) {
      return token === undefined
        ? failure(400, 3, "etcdserver: user name is empty")
        : failure(401, 16, "etcdserver: invalid auth token");
    }
    if (path === "/v3/kv/range") return this.#said(this.#range(fields));
    if (path === "/v3/kv/txn") return this.#transaction(fields);
    return { status: 404, text: "Not Found\n" };
  }

  #authenticate({ name, password }: Fields): HttpAnswer {
    if (this.users === undefined) {
      return failure(412, 9, "etcdserver: authentication is not enabled");
    }
    if (this.users.get(name!) !== password) {
      return failure(400, 3, "etcdserver: authentication failed, invalid user ID or password");
    }
    const token = `token.${++this.#tokens}`;
    this.tokens.add(token);
    return this.#said({ token });
  }

  #transaction({ compare, success, failure: otherwise }: Transaction): HttpAnswer {
    if (Math.max(compare.length, success.length, otherwise.length) > OPERATIONS_MAX) {
      return failure(400, 3, "etcdserver: too many operations in txn request");
    }
    const succeeded = compare.every(({ key, target, result, mod_revision }) => {
      if (target !== "MOD" || result !== "EQUAL") throw new Error("not compared here");
      return (this.keys.get(atob(key!))?.modRevision ?? 0) === Number(mod_revision);
    });
    const operations = succeeded ? success : otherwise;
    const changes = operations.some((operation) => operation.request_range === undefined);
    if (changes) this.revision++;
    const responses = operations.map((operation) => this.#do(operation));
    return this.#said({
      ...(succeeded ? { succeeded } : {}),
      ...(responses.length > 0 ? { responses } : {}),
    });
  }

  #do({ request_put, request_delete_range, request_range }: Operation): unknown {
    const header = { revision: `${this.revision}` };
    if (request_put !== undefined) {
      const { key, value } = request_put;
      this.keys.set(atob(key!), { value: value!, modRevision: this.revision });
      return { response_put: { header } };
    }
    if (request_range !== undefined) {
      return { response_range: { header, ...this.#range(request_range) } };
    }
    const isThere = this.keys.delete(atob(request_delete_range!["key"]!));
    return { response_delete_range: { header, ...(isThere ? { deleted: "1" } : {}) } };
  }

  #range({ key, range_end, limit }: Fields) {
    const from = atob(key!);
    const to = range_end === undefined ? undefined : atob(range_end);
    const one = this.keys.get(from);
    const all = to !== undefined
      ? [...this.keys].filter(([name]) => name >= from && name < to).sort(([a], [b]) =>
        a < b ? -1 : 1
      )
      : one === undefined
      ? []
      : [[from, one] as const];
    const some = limit === undefined ? all : all.slice(0, Number(limit));
    const kvs = some.map(([name, { value, modRevision }]) => ({
      key: btoa(name),
      create_revision: "1",
      mod_revision: `${modRevision}`,
      version: "1",
      ...(value === "" ? {} : { value }),
    }));
    return {
      ...(kvs.length > 0 ? { kvs } : {}),
      ...(some.length < all.length ? { more: true } : {}),
      ...(all.length > 0 ? { count: `${all.length}` } : {}),
    };
  }

  #said(fields: Readonly<Record<string, unknown>>): HttpAnswer {
    const header = {
      cluster_id: this.clusterId,
      member_id: "10276657743932975437",
      revision: `${this.revision}`,
      raft_term: "2",
    };
    return { status: 200, text: JSON.stringify({ header, ...fields }) };
  }
}

/** Error reply of the gateway. */
export function failure(status: number, code: number, message: string): HttpAnswer {
  return { status, text: JSON.stringify({ error: message, message, code }) };
}
