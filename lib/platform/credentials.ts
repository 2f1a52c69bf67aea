/**
 * Credentials of the process: ids, capabilities and other attributes. The C library changes ids in
 * every thread; prctl and capset affect the calling thread, and threads that it starts later.
 *
 * Source: setresuid(2), prctl(2), capset(2), credentials(7), capabilities(7).
 */

import { checked, lastErrno, libc, LibcError } from "./libc.ts";
import { readThreads } from "./proc.ts";
import { readableText } from "./small_files.ts";

/** Capabilities that the calls take, by bit. */
const CAPABILITIES = { CAP_SETGID: 6n, CAP_SETUID: 7n } as const;

/** Whether groups may be set in this user namespace: `allow` or `deny`, user_namespaces(7). */
const GROUPS_RULE = "/proc/self/setgroups";

/** Value that leaves an id unchanged. */
export const UNCHANGED = 0xffffffff;

/**
 * Checks the result of a call that changes ids. Root may not change them in a container that drops all
 * capabilities, in a user namespace without the id (EINVAL) or without groups, and behind a filter of
 * system calls.
 *
 * @throws {Error} When the call failed.
 */
function permitted(call: string, capability: keyof typeof CAPABILITIES, result: number): void {
  if (result >= 0) return;
  const error = new LibcError(call, lastErrno());
  const has = ((readThreads()[0].effective >> CAPABILITIES[capability]) & 1n) === 1n;
  const isMapped = error.code !== "EINVAL" && readableText(GROUPS_RULE)?.trim() !== "deny";
  if (!isMapped) {
    throw new Error(
      `${call}: ${error.code} (this user namespace lacks the owner of the directory sm: ` +
        "map that user, or give sm and sm.bak to the one who starts this)",
    );
  }
  if (error.code !== "EPERM" || has) throw error;
  throw new Error(
    `${call}: EPERM (it needs ${capability}, which this process does not have: --cap-add, ` +
      "CapabilityBoundingSet=; or start it as the user that it becomes)",
  );
}

/** Sets the supplementary groups of every thread. */
export function setGroups(gids: readonly number[]): void {
  const result = libc().setgroups(BigInt(gids.length), new Uint32Array(gids));
  permitted("setgroups", "CAP_SETGID", result);
}

/** Sets real, effective and saved group id of every thread. */
export function setGroupIds(real: number, effective: number, saved: number): void {
  permitted("setresgid", "CAP_SETGID", libc().setresgid(real, effective, saved));
}

/** Sets real, effective and saved user id of every thread. */
export function setUserIds(real: number, effective: number, saved: number): void {
  permitted("setresuid", "CAP_SETUID", libc().setresuid(real, effective, saved));
}

const PR_SET_DUMPABLE = 4;
const PR_SET_KEEPCAPS = 8;
const PR_CAPBSET_READ = 23;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;

function prctl(name: string, option: number, argument: number): void {
  checked(`prctl(${name})`, libc().prctl(option, BigInt(argument), 0n, 0n, 0n));
}

/** PR_SET_KEEPCAPS: this thread keeps its permitted capabilities when its uid changes from 0. */
export function keepCapabilities(keep: boolean): void {
  prctl("PR_SET_KEEPCAPS", PR_SET_KEEPCAPS, Number(keep));
}

/**
 * PR_SET_NO_NEW_PRIVS: programs started by this thread gain no rights by set-uid bits or file
 * capabilities.
 */
export function setNoNewPrivileges(): void {
  prctl("PR_SET_NO_NEW_PRIVS", PR_SET_NO_NEW_PRIVS, 1);
}

/** PR_SET_DUMPABLE: allows core dumps, and tracing by processes of this user. */
export function setDumpable(dumpable: boolean): void {
  prctl("PR_SET_DUMPABLE", PR_SET_DUMPABLE, Number(dumpable));
}

/** Empties the capability bounding set of this thread; needs CAP_SETPCAP. */
export function emptyBoundingSet(): void {
  // EINVAL after the kernel's last capability
  for (let bit = 0; libc().prctl(PR_CAPBSET_READ, BigInt(bit), 0n, 0n, 0n) >= 0; bit++) {
    prctl("PR_CAPBSET_DROP", PR_CAPBSET_DROP, bit);
  }
}

/** Sets the permitted and effective capabilities of this thread, and clears the inheritable ones. */
export function setCapabilities(set: bigint): void {
  const header = new Uint32Array([0x20080522, 0]); // _LINUX_CAPABILITY_VERSION_3, calling thread
  const [low, high] = [Number(set & 0xffffffffn), Number(set >> 32n)];
  // twice effective, permitted, inheritable: capabilities 0 to 31, then 32 to 63
  checked("capset", libc().capset(header, new Uint32Array([low, low, 0, high, high, 0])));
}
