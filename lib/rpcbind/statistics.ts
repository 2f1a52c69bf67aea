/**
 * Statistics for GETSTAT.
 *
 * Source: RFC 1833 section 2.2.1 (RPCBPROC_GETSTAT).
 */

import { type RpcbStat, RPCBSTAT_HIGHPROC, RPCBVERS_STAT } from "../protocol/rpcbind.ts";

/** Limit of services with look-up counts per version; a caller can ask for any of 2^64. */
const LOOK_UPS_MAX = 256;
/** Counters saturate at 31 bits. */
const COUNT_MAX = 0x7fffffff;
/** First version counted. */
const VERSION_FIRST = 2;

type Version = 2 | 3 | 4;
type LookUp = RpcbStat["addrinfo"][number];

class VersionCounts {
  readonly info = new Array<number>(RPCBSTAT_HIGHPROC).fill(0);
  setinfo = 0;
  unsetinfo = 0;
  readonly lookUps: LookUp[] = [];
  readonly lookUpsOf = new Map<number, LookUp[]>();

  /** Count of a look-up, made on the first one; undefined if there are too many. */
  lookUp(prog: number, vers: number, netid: string): LookUp | undefined {
    const ofProgram = this.lookUpsOf.get(prog);
    for (const one of ofProgram ?? []) {
      if (one.vers === vers && one.netid === netid) return one;
    }
    if (this.lookUps.length >= LOOK_UPS_MAX) return undefined;
    const made = { prog, vers, success: 0, failure: 0, netid };
    this.lookUps.push(made);
    if (ofProgram === undefined) this.lookUpsOf.set(prog, [made]);
    else ofProgram.push(made);
    return made;
  }
}

export class Statistics {
  readonly #versions = Array.from({ length: RPCBVERS_STAT }, () => new VersionCounts());

  called(version: number, procedure: number): void {
    const { info } = this.#of(version as Version);
    if (procedure in info) info[procedure] = plusOne(info[procedure]!);
  }

  set(version: Version, succeeded: boolean): void {
    const counts = this.#of(version);
    if (succeeded) counts.setinfo = plusOne(counts.setinfo);
  }

  unset(version: Version, succeeded: boolean): void {
    const counts = this.#of(version);
    if (succeeded) counts.unsetinfo = plusOne(counts.unsetinfo);
  }

  lookedUp(version: Version, prog: number, vers: number, netid: string, isFound: boolean): void {
    const count = this.#of(version).lookUp(prog, vers, netid);
    if (count === undefined) return;
    if (isFound) count.success = plusOne(count.success);
    else count.failure = plusOne(count.failure);
  }

  /** Statistics in wire form. */
  all(): RpcbStat[] {
    return this.#versions.map(({ info, setinfo, unsetinfo, lookUps }) => ({
      info,
      setinfo,
      unsetinfo,
      addrinfo: lookUps.toReversed(),
      rmtinfo: [], // calls are not forwarded
    }));
  }

  #of(version: Version): VersionCounts {
    return this.#versions[version - VERSION_FIRST]!;
  }
}

function plusOne(count: number): number {
  return Math.min(count + 1, COUNT_MAX);
}
