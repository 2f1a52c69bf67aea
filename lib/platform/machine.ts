/**
 * Machine-dependent numbers of system calls, flags of open(2), and layouts of structures.
 * Everything else that this folder passes to the kernel is equal on both machines.
 *
 * Source: the kernel's asm/unistd.h, asm/fcntl.h, asm/stat.h and linux/eventpoll.h.
 */

export interface Machine {
  readonly systemCalls: Readonly<Record<"fstat" | "getdents64" | "statx", bigint>>;
  readonly O_DIRECTORY: number;
  readonly O_NOFOLLOW: number;
  /** Offsets in struct stat, in bytes. */
  readonly stat: {
    readonly mode: number;
    readonly nlink: number;
    readonly uid: number;
    readonly size: number;
  };
  /** Offset of the data word in struct epoll_event, in bytes; packed on x86-64. */
  readonly epollData: number;
}

export const MACHINES: Readonly<Record<typeof Deno.build.arch, Machine>> = {
  x86_64: {
    systemCalls: { fstat: 5n, getdents64: 217n, statx: 332n },
    O_DIRECTORY: 0o200000,
    O_NOFOLLOW: 0o400000,
    stat: { nlink: 16, mode: 24, uid: 28, size: 48 },
    epollData: 4,
  },
  aarch64: {
    systemCalls: { fstat: 80n, getdents64: 61n, statx: 291n },
    O_DIRECTORY: 0o40000,
    O_NOFOLLOW: 0o100000,
    stat: { mode: 16, nlink: 20, uid: 24, size: 48 },
    epollData: 8,
  },
};

/** Machine of this build. */
export const MACHINE: Machine = MACHINES[Deno.build.arch];
