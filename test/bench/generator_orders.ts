/** Orders of the bench to its generator, as JSON in the first argument, and the answers. */

/** A measurement; a status monitor serves `port` at 127.0.0.1. */
export type Order =
  /** Answers every call itself, for ever: the maximum rate of the generator. */
  | { do: "respond"; port: number }
  /** Answers every DNS query, for ever; prints `ready` at the start. */
  | { do: "serve names" }
  /** Looks up a name repeatedly. */
  | { do: "look up"; ms: number }
  | {
    do: "calls";
    transport: "udp" | "tcp";
    port: number;
    procedure: "SM_NULL" | "SM_STAT" | "PMAPPROC_GETPORT";
    outstanding: number;
    ms: number;
  }
  /**
   * Monitors new hosts and unmonitors the oldest ones, one per caller at a time, so that the list
   * keeps its length: the `hosts` hosts from number `first` on.
   */
  | {
    do: "monitor";
    port: number;
    first: number;
    hosts: number;
    callers: number;
    rounds: number;
    ms: number;
  }
  /** Plays a lock manager, and has it called `notices` times by concurrent notices. */
  | {
    do: "notify";
    port: number;
    first: number;
    hosts: number;
    notices: number;
    atOnce: number;
    ms: number;
  }
  /** Storm: notices of many peers within a second, each sent from the peer's address to `address`. */
  | { do: "storm"; port: number; first: number; address: string; peers: number; waitMs: number }
  /** Starts a program and waits for its first answer, `times` times. */
  | { do: "start"; port: number; command: readonly string[]; times: number }
  /** Waits for an answer. */
  | { do: "wait"; port: number };

/** Rates in calls per second, times in ms. */
export interface Figures {
  readonly [name: string]: number;
}

/** Whether hosts have names, by which they are registered. Set once, and sent with every order. */
export const naming = { haveNames: false };

/** Address of a host by its number. */
export function hostAddress(number: number): string {
  return `10.${64 + (number >> 16)}.${number >> 8 & 255}.${number & 255}`;
}

/**
 * mon_name of a host by its number: its address, which kernels register by default, or its name,
 * which they register with `nsm_use_hostnames`.
 */
export function hostName(number: number): string {
  return naming.haveNames ? `h${number}.${DOMAIN}` : hostAddress(number);
}

/** Number of a host by its name; undefined for other names. */
export function hostNumber(name: string): number | undefined {
  const [host = "", domain] = name.split(".");
  return domain === DOMAIN && /^h\d+$/.test(host) ? Number(host.slice(1)) : undefined;
}

/** Number of a host by the four bytes of its address. */
export function hostNumberAt([, second = 0, third = 0, fourth = 0]: readonly number[]): number {
  return second - 64 << 16 | third << 8 | fourth;
}

const DOMAIN = "bench";

/** Median. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
