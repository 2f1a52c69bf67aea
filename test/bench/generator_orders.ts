/** What the bench tells its generator, as JSON in its first argument, and what it is told back. */

/** One measurement; a status monitor serves `port` at 127.0.0.1. */
export type Order =
  /** Answers every call itself, forever: what the generator can do at most. */
  | { do: "respond"; port: number }
  /** Answers every look-up of a name, forever; says `ready` when it does. */
  | { do: "serve names" }
  /** Looks up a name, again and again. */
  | { do: "look up"; ms: number }
  | {
    do: "calls";
    transport: "udp" | "tcp";
    port: number;
    procedure: "SM_NULL" | "SM_STAT";
    outstanding: number;
    ms: number;
  }
  /**
   * Monitors new hosts and unmonitors the oldest ones, one for each caller at one time, so that the
   * list stays as long as it is: it holds the `hosts` hosts from number `first` on.
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
  /** Plays a lock manager and has it told, `notices` times by so many notices at once. */
  | {
    do: "notify";
    port: number;
    first: number;
    hosts: number;
    notices: number;
    atOnce: number;
    ms: number;
  }
  /** The same by the notices of many peers within a second, each sent from its own to `address`. */
  | { do: "storm"; port: number; first: number; address: string; peers: number; waitMs: number }
  /** Starts a program and waits for its first answer, `times` times. */
  | { do: "start"; port: number; command: readonly string[]; times: number }
  /** Waits for an answer. */
  | { do: "wait"; port: number };

/** Rates are calls a second, times are milliseconds. */
export interface Figures {
  readonly [name: string]: number;
}

/** Whether hosts have names, by which they are registered. It is set once, and goes with every order. */
export const naming = { haveNames: false };

/** The address of a host by its number. */
export function hostAddress(number: number): string {
  return `10.${64 + (number >> 16)}.${number >> 8 & 255}.${number & 255}`;
}

/**
 * The mon_name of a host by its number: its address, which is what kernels register, or its name, which
 * is what they register with `nsm_use_hostnames`.
 */
export function hostName(number: number): string {
  return naming.haveNames ? `h${number}.${DOMAIN}` : hostAddress(number);
}

/** The number of a host, by its name; undefined where it is none. */
export function hostNumber(name: string): number | undefined {
  const [host = "", domain] = name.split(".");
  return domain === DOMAIN && /^h\d+$/.test(host) ? Number(host.slice(1)) : undefined;
}

/** The number of a host, by the four bytes of its address. */
export function hostNumberAt([, second = 0, third = 0, fourth = 0]: readonly number[]): number {
  return second - 64 << 16 | third << 8 | fourth;
}

const DOMAIN = "bench";

/** The middle one of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
