/**
 * What a test and its agent inside a host tell each other: orders and answers as lines of JSON, in the
 * order of the orders, with reports in between. Bytes are hex digits.
 */

import type { Endpoint } from "../../lib/rpc/transport.ts";

/** Where to send from; what is left out the system chooses. */
export type Source = Partial<Endpoint>;

/** How a stand-in server treats calls. */
export type Conduct = "success" | "silent" | "system error" | "denied";

export type Order =
  /** Sends a datagram and waits for one with the same first word (the xid). */
  | {
    readonly do: "datagram";
    readonly from: Source;
    readonly to: Endpoint;
    readonly message: string;
    /** Sent behind the message: when its reply comes, there is none to the message any more. */
    readonly fence?: string;
  }
  /** Sends datagrams as quickly as it can, and waits for no replies. */
  | {
    readonly do: "flood";
    readonly from: Source;
    readonly to: Endpoint;
    readonly messages: readonly string[];
  }
  /** Writes pieces to a connection and reads until `records` records have come, or its end. */
  | {
    readonly do: "stream";
    readonly from: Source;
    readonly to: Endpoint;
    readonly pieces: readonly string[];
    readonly records: number;
  }
  /** Serves a program over UDP, in place of how it was served before. */
  | {
    readonly do: "serve";
    readonly program: number;
    readonly versions: readonly number[];
    readonly address: string;
    /** 0 lets the system choose. */
    readonly port: number;
    readonly conduct: Conduct;
    /** Whether rpcbind is told of the port. */
    readonly isRegistered: boolean;
  };

export type Answer =
  | { readonly answers: "datagram"; readonly reply: string | null; readonly from: Endpoint | null }
  | { readonly answers: "flood" }
  | { readonly answers: "stream"; readonly records: readonly string[]; readonly isClosed: boolean }
  | { readonly answers: "serve"; readonly port: number }
  | { readonly answers: "failed"; readonly reason: string };

/** A stand-in server was called. */
export interface Called {
  readonly answers: "called";
  readonly program: number;
  readonly from: Endpoint;
  /** The port that was called. */
  readonly port: number;
  readonly message: string;
}
