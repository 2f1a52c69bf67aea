/**
 * Control protocol between nsmctl and the daemon, over the Unix socket `.statd.sock` in the state
 * directory, which only root and the daemon's first user may use. A request is a JSON object in one
 * line. An answer is lines of JSON: any number of pages, then one last line with `ok`.
 *
 * ```
 * {"command":"list"}                            a page is an array of ListEntry
 * {"command":"status"}                          the last line has `status`, of what is known
 * {"command":"status","look":true}              … after a look at rpcbind and the lock manager
 * {"command":"register"}                        … says whether rpcbind lists us after a look at it
 * {"command":"forget","peers":[NAME…],"by":TEXT}      … has `count`, of registrations
 * {"command":"identity",…}                      … see identity_protocol.ts
 * {"command":"declareRebooted","peer":NAME,"by":TEXT} … has `count`, `told` and `failed`
 * ```
 */

import type { IdentityReport } from "../cluster/identity_report.ts";
import type { RefusalCode } from "../cluster/refusals.ts";
import { type IdentityRequest, parseIdentityRequest } from "./identity_protocol.ts";
import type { StatusReport } from "./status_report.ts";

/** Longest request, in bytes: some hundred of the longest names. */
export const REQUEST_MAX_BYTES = 65_536;

export type ControlRequest =
  | { readonly command: "status"; readonly look?: true }
  | { readonly command: "list" }
  | IdentityRequest
  | { readonly command: "register" }
  | { readonly command: "forget"; readonly peers: readonly string[]; readonly by: string }
  | { readonly command: "declareRebooted"; readonly peer: string; readonly by: string };

/** Placeholder for the aliases of a peer that the name service denies. */
export const NO_SUCH_HOST = "";

/** Registration in a list; 0 is an unknown time or state. */
export type ListEntry = readonly [
  monName: string,
  myName: string,
  program: number,
  version: number,
  procedure: number,
  /** Milliseconds since 1970. */
  since: number,
  lastState: number,
  heardAt: number,
  /** Other names and addresses of the peer; {@link NO_SUCH_HOST} alone if the name service denies it. */
  ...aliases: readonly string[],
];

/** Last line of an answer. */
export type ControlAnswer =
  | { readonly ok: false; readonly reason: string; readonly code?: RefusalCode }
  | {
    readonly ok: true;
    readonly status?: StatusReport;
    readonly count?: number;
    readonly told?: number;
    readonly failed?: readonly string[];
    readonly identities?: readonly IdentityReport[];
    /** Warning about a forced release. */
    readonly stuck?: string;
  };

/** Parses a request; returns a text if it is invalid. */
export function parseRequest(line: string): ControlRequest | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "the request is not JSON";
  }
  if (typeof value !== "object" || value === null) return "the request is not an object";
  const { command, peers, peer, by, look } = value as Record<string, unknown>;
  const who = typeof by === "string" ? by : "somebody";
  switch (command) {
    case "status":
      return look === true ? { command, look } : { command };
    case "list":
    case "register":
      return { command };
    case "identity": {
      const request = parseIdentityRequest(value as Record<string, unknown>);
      if (request === undefined) break;
      return request;
    }
    case "forget":
      if (!Array.isArray(peers) || !peers.every((name) => typeof name === "string")) break;
      return { command, peers, by: who };
    case "declareRebooted":
      if (typeof peer !== "string") break;
      return { command, peer, by: who };
  }
  return `there is no command ${JSON.stringify(command)} with these arguments`;
}
