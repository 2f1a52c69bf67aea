/**
 * Identity of a registration: mon_name and my_name in any letter case, and program, version and
 * procedure. The list in memory, the records on disk and the ledgers compare by it.
 *
 * Source: nfs-utils' matching rules for SM_MON, SM_UNMON and SM_UNMON_ALL, without their look-ups.
 */

import { nameKey } from "./host_name.ts";
import type { MonitorRecord } from "./ports.ts";

/** Requester: identifies a lock manager by its callback. */
export type Requester = Pick<MonitorRecord, "myName" | "myProg" | "myVers" | "myProc">;
/** Identity of a registration. */
export type Registration = Requester & Pick<MonitorRecord, "monName">;

/** Key of a registration's identity. */
export function registrationKey(registration: Registration): string {
  return `${nameKey(registration.monName)} ${requesterKey(registration)}`;
}

export function requesterKey({ myName, myProg, myVers, myProc }: Requester): string {
  return `${myProg}.${myVers}.${myProc} ${nameKey(myName)}`;
}

/** Whether a record, known to be of the right peer, belongs to a requester. */
export function isOfRequester(requester: Requester, record: MonitorRecord): boolean {
  return requester.myProc === record.myProc && requester.myVers === record.myVers &&
    requester.myProg === record.myProg && nameKey(requester.myName) === nameKey(record.myName);
}

/** Whether two records of one registration are equal, with their spelling and priv. */
export function isSame(a: MonitorRecord, b: MonitorRecord | undefined): boolean {
  return a.monName === b?.monName && a.myName === b.myName && a.priv === b.priv;
}
