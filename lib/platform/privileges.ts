/**
 * Giving up root. The owner and group of the directory `sm` decide whom to become; what is kept is
 * CAP_NET_BIND_SERVICE, for reserved ports. Afterwards the kernel is asked what every thread has.
 *
 * Ids and groups change in all threads. Capability sets, the bounding set and no_new_privs change in the
 * main thread, which also starts every program and binds every socket; further threads lose all
 * capabilities with uid 0. The compiled program has one thread here, if it did no asynchronous file or
 * name operation and listens to no signal before. Run from source, the runtime has threads that keep
 * their bounding set, which helps nobody as they start no programs; it is counted.
 *
 * Source: capabilities(7), nfs-utils' behaviour (identity, order, kept capability). Deviation: more is
 * given up (no_new_privs, core dumps and tracing), and the result is verified.
 */

import {
  emptyBoundingSet,
  keepCapabilities,
  setCapabilities,
  setDumpable,
  setGroupId,
  setGroups,
  setNoNewPrivileges,
  setUserId,
} from "./credentials.ts";
import { readThreads, type ThreadStatus } from "./proc.ts";

/** Whom to become. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** Bit of CAP_NET_BIND_SERVICE in a capability set: ports below 1024. */
export const NET_BIND_SERVICE = 1n << 10n;
const SETPCAP = 1n << 8n;

/**
 * Owner and group of a directory. A symbolic link to one, to shared storage say, is followed where root
 * made it: what another user links to could be root's.
 *
 * @throws {Error} When it is not there, or something else.
 */
export function ownerOf(directory: string): Identity {
  let found: Deno.FileInfo;
  try {
    found = Deno.lstatSync(directory);
    if (found.isSymlink && found.uid === 0) found = Deno.statSync(directory);
  } catch (cause) {
    throw new Error(`Cannot use "${directory}": ${(cause as Error).message}`, { cause });
  }
  if (found.isSymlink) {
    throw new Error(`Cannot use "${directory}": it is a symbolic link that is not root's`);
  }
  if (!found.isDirectory) throw new Error(`Cannot use "${directory}": it is not a directory`);
  return { uid: found.uid!, gid: found.gid! };
}

/** State of the process after {@link dropPrivileges}. */
export interface DropOutcome {
  /** `dropped`: the identity's; `root`: still root, as the identity says; `unprivileged`: never was. */
  readonly kind: "dropped" | "root" | "unprivileged";
  readonly warnings: readonly string[];
  /** Threads that have a capability bounding set left, in number; see the head of this file. */
  readonly unboundedThreads: number;
}

/**
 * Becomes the owner of `directory` for good, and verifies it. To be called once, when everything that
 * needs root is done.
 *
 * @throws {Error} When a step fails or its effect is not there; the process must end then.
 */
export function dropPrivileges(
  directory: string,
  {
    noNewPrivileges = true,
    keepsReservedPorts = true,
  }: { readonly noNewPrivileges?: boolean; readonly keepsReservedPorts?: boolean } = {},
): DropOutcome {
  const kept = keepsReservedPorts ? NET_BIND_SERVICE : 0n;
  const identity = ownerOf(directory);
  const [before] = readThreads();
  const warnings: string[] = [];
  let kind: DropOutcome["kind"];
  if (before.uids[1] !== 0) {
    kind = "unprivileged";
    limitCapabilities(before, kept);
    if (before.uids[1] !== identity.uid) {
      warnings.push(
        `Running as uid ${before.uids[1]}, but "${directory}" belongs to uid ${identity.uid}`,
      );
    }
  } else if (identity.uid === 0) {
    kind = "root";
    emptyBoundingSet();
    warnings.push(`Running as root.  chown "${directory}" to choose different user`);
  } else {
    kind = "dropped";
    become(identity, kept);
  }
  setDumpable(false); // no use of our reserved sockets by other processes of that user
  if (noNewPrivileges) setNoNewPrivileges();

  const threads = readThreads();
  const faults = privilegeFaults(threads, { kind, identity, noNewPrivileges, kept });
  if (faults.length > 0) throw new Error(`Privileges are not dropped: ${faults.join(", ")}`);
  const unboundedThreads = threads.filter(({ bounding }) => bounding !== 0n).length;
  return { kind, warnings, unboundedThreads };
}

function become({ uid, gid }: Identity, kept: bigint): void {
  emptyBoundingSet();
  keepCapabilities(true);
  setGroups([]);
  setGroupId(gid);
  setUserId(uid);
  setCapabilities(kept);
  keepCapabilities(false);
}

/** Gives up what a service manager may have handed to a process that is not root. */
function limitCapabilities(thread: ThreadStatus, kept: bigint): void {
  if ((thread.effective & SETPCAP) !== 0n) emptyBoundingSet();
  setCapabilities(thread.permitted & kept);
}

/** Ids, groups and capabilities that every thread has to have. */
export interface Expectation {
  readonly kind: DropOutcome["kind"];
  readonly identity: Identity;
  readonly noNewPrivileges: boolean;
  /** Capabilities that are kept; only that for reserved ports can be. */
  readonly kept?: bigint;
}

/** Parts of an expectation that do not hold; the first thread is the main one. */
export function privilegeFaults(
  threads: readonly ThreadStatus[],
  { kind, identity: { uid, gid }, noNewPrivileges, kept = NET_BIND_SERVICE }: Expectation,
): string[] {
  const faults: string[] = [];
  threads.forEach((thread, index) => {
    const isMain = index === 0;
    const demand = (isMet: boolean, fault: string) => {
      if (!isMet) faults.push(`thread ${thread.id} ${fault}`);
    };
    if (kind === "dropped") {
      demand(thread.uids.every((id) => id === uid), `has uids ${thread.uids.join(" ")}`);
      demand(thread.gids.every((id) => id === gid), `has gids ${thread.gids.join(" ")}`);
      demand(thread.groups.length === 0, `has groups ${thread.groups.join(" ")}`);
    }
    if (kind === "dropped" && isMain) {
      demand(thread.effective === kept, kept === 0n ? "can do more" : "cannot bind reserved ports");
    }
    if (kind !== "root") {
      const held = thread.permitted | thread.effective | thread.inheritable | thread.ambient;
      demand((held & ~NET_BIND_SERVICE) === 0n, `has capabilities 0x${held.toString(16)}`);
      demand(thread.inheritable === 0n, "has inheritable capabilities");
    }
    if (kind !== "unprivileged" && isMain) {
      demand(thread.bounding === 0n, `has bounding set 0x${thread.bounding.toString(16)}`);
    }
    if (noNewPrivileges && isMain) demand(thread.noNewPrivileges, "can gain privileges by exec");
  });
  return faults;
}
