/**
 * Privilege drop. The owner and group of the directory `sm` become our identity; only
 * CAP_NET_BIND_SERVICE is kept, for reserved ports. The result is verified for every thread.
 *
 * Ids and groups change in all threads. Capability sets, the bounding set and no_new_privs change
 * in the main thread, which also starts every program and binds every socket; other threads lose
 * all capabilities with uid 0. The compiled program has one thread here, provided that it has not
 * used asynchronous file or name operations, or signal listeners. Run from source, Deno has threads
 * that keep their bounding set, which is harmless as they start no programs; they are counted.
 *
 * Source: capabilities(7), nfs-utils' behaviour (identity, order, kept capability). Deviation: more
 * is given up (no_new_privs, core dumps and tracing), and the result is verified.
 */

import {
  emptyBoundingSet,
  keepCapabilities,
  setCapabilities,
  setDumpable,
  setGroupIds,
  setGroups,
  setNoNewPrivileges,
  setUserIds,
} from "./credentials.ts";
import { readThreads, type ThreadStatus } from "./proc.ts";

/** Umask of a daemon that is no longer root, as in nfs-utils: no access for others. */
export const DAEMON_UMASK = 0o007;

/** Uid and gid. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** CAP_NET_BIND_SERVICE in a capability set: ports below 1024. */
export const NET_BIND_SERVICE = 1n << 10n;
const SETPCAP = 1n << 8n;

/**
 * Owner and group of a directory. A symbolic link, for example to shared storage, is followed if
 * root owns it; another user's link could lead to a directory of root's.
 *
 * @throws {Error} When it does not exist, or is no directory.
 */
export function ownerOf(directory: string): Identity {
  let found: Deno.FileInfo | undefined;
  try {
    found = Deno.lstatSync(directory);
    if (found.isSymlink && found.uid === 0) found = Deno.statSync(directory);
  } catch (cause) {
    const link = found === undefined ? "" : "it is a symbolic link: ";
    throw new Error(`Cannot use "${directory}": ${link}${(cause as Error).message}`, { cause });
  }
  if (found.isSymlink) {
    throw new Error(`Cannot use "${directory}": it is a symbolic link that is not root's`);
  }
  if (!found.isDirectory) throw new Error(`Cannot use "${directory}": it is not a directory`);
  return { uid: found.uid!, gid: found.gid! };
}

/** Result of {@link dropPrivileges}. */
export interface DropOutcome {
  /** `dropped`: to the owner's identity; `root`: the owner is root; `unprivileged`: was not root. */
  readonly kind: "dropped" | "root" | "unprivileged";
  readonly warnings: readonly string[];
  /** Number of threads that keep a capability bounding set; see the head of this file. */
  readonly unboundedThreads: number;
}

/**
 * Becomes the owner of `directory` permanently, and verifies that. Call it once, after everything
 * that needs root.
 *
 * @throws {Error} When a step fails or has no effect; the process has to end then.
 */
export function dropPrivileges(
  directory: string,
  {
    noNewPrivileges = true,
    keepsReservedPorts = true,
  }: { readonly noNewPrivileges?: boolean; readonly keepsReservedPorts?: boolean } = {},
): DropOutcome {
  const identity = ownerOf(directory);
  const [before] = readThreads();
  const kept = keepsReservedPorts ? NET_BIND_SERVICE & before.permitted : 0n;
  const isBounded = (before.effective & SETPCAP) !== 0n;
  if (isBounded) emptyBoundingSet();
  const warnings: string[] = [];
  let kind: DropOutcome["kind"];
  if (before.uids[1] !== 0) {
    kind = "unprivileged";
    setCapabilities(kept); // a service manager may have granted others
    if (before.uids[1] !== identity.uid) {
      warnings.push(
        `Running as uid ${before.uids[1]}, but "${directory}" belongs to uid ${identity.uid}`,
      );
    }
  } else if (identity.uid === 0) {
    kind = "root";
    warnings.push(`Running as root.  chown "${directory}" to choose different user`);
  } else {
    kind = "dropped";
    become(identity, kept);
  }
  setDumpable(false); // keeps other processes of that user from using our reserved sockets
  if (noNewPrivileges) setNoNewPrivileges();

  const threads = readThreads();
  const faults = privilegeFaults(threads, { kind, identity, noNewPrivileges, kept, isBounded });
  if (faults.length > 0) throw new Error(`Privileges are not dropped: ${faults.join(", ")}`);
  const unboundedThreads = threads.filter(({ bounding }) => bounding !== 0n).length;
  return { kind, warnings, unboundedThreads };
}

function become({ uid, gid }: Identity, kept: bigint): void {
  keepCapabilities(true);
  setGroups([]);
  setGroupIds(gid, gid, gid);
  setUserIds(uid, uid, uid);
  setCapabilities(kept);
  keepCapabilities(false);
}

/** Required ids, groups and capabilities of every thread. */
export interface Expectation {
  readonly kind: DropOutcome["kind"];
  readonly identity: Identity;
  readonly noNewPrivileges: boolean;
  /** Capabilities kept; at most the one for reserved ports. */
  readonly kept?: bigint;
  /** Whether the bounding set can be emptied, which takes CAP_SETPCAP; a container may withhold it. */
  readonly isBounded?: boolean;
}

/** Privileges that deviate from an expectation; the first thread is the main one. */
export function privilegeFaults(
  threads: readonly ThreadStatus[],
  {
    kind,
    identity: { uid, gid },
    noNewPrivileges,
    kept = NET_BIND_SERVICE,
    isBounded = true,
  }: Expectation,
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
    if (kind !== "unprivileged" && isBounded && isMain) {
      demand(thread.bounding === 0n, `has bounding set 0x${thread.bounding.toString(16)}`);
    }
    if (noNewPrivileges && isMain) demand(thread.noNewPrivileges, "can gain privileges by exec");
  });
  return faults;
}
