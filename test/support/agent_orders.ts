/**
 * Orders to an agent and its answers, as lines of JSON. Answers come in the order of the orders,
 * reports of calls in between. Bytes are hex digits.
 */

import type { Endpoint } from "../../lib/rpc/transport.ts";

/** Source of a call; the system chooses missing parts. */
export type Source = Partial<Endpoint>;

/** How a stand-in server treats calls. */
export type Conduct = "success" | "silent" | "system error" | "denied";

export type Order =
  /** Sends a datagram and waits for a reply with its xid. */
  | {
    readonly do: "datagram";
    readonly from: Source;
    readonly to: Endpoint;
    readonly message: string;
    /** Message sent afterwards; if its reply comes first, the message has none. */
    readonly fence?: string;
  }
  /** Sends datagrams at full speed without waiting for replies. */
  | {
    readonly do: "flood";
    readonly from: Source;
    readonly to: Endpoint;
    readonly messages: readonly string[];
  }
  /** Writes pieces to a connection; reads until `records` records have come, or the connection ends. */
  | {
    readonly do: "stream";
    readonly from: Source;
    readonly to: Endpoint;
    readonly pieces: readonly string[];
    readonly records: number;
  }
  /** Serves a program over UDP, replacing its previous server. */
  | {
    readonly do: "serve";
    readonly program: number;
    readonly versions: readonly number[];
    readonly address: string;
    /** 0 lets the system choose. */
    readonly port: number;
    readonly conduct: Conduct;
    /** Whether the port is registered with rpcbind. */
    readonly isRegistered: boolean;
  };

export type Answer =
  | { readonly answers: "datagram"; readonly reply: string | null; readonly from: Endpoint | null }
  | { readonly answers: "flood" }
  | { readonly answers: "stream"; readonly records: readonly string[]; readonly isClosed: boolean }
  | { readonly answers: "serve"; readonly port: number }
  | { readonly answers: "failed"; readonly reason: string };

/** Report of a call to a stand-in server. */
export interface Called {
  readonly answers: "called";
  readonly program: number;
  readonly from: Endpoint;
  /** The called port. */
  readonly port: number;
  readonly message: string;
}
