/**
 * Runs a command under a seccomp(2) filter that refuses system calls, as in an old container
 * runtime. Python installs the filter through the C library and then executes the command.
 */

import { MACHINE } from "../../lib/platform/machine.ts";

export const PYTHON = "/usr/bin/python3";

const EPERM = 1;
const EAFNOSUPPORT = 97;

/** System call numbers for x86-64 and arm64. */
const NUMBERS = {
  statx: { x86_64: 332, aarch64: 291 },
  clone3: { x86_64: 435, aarch64: 435 },
  io_uring_setup: { x86_64: 425, aarch64: 425 },
  close_range: { x86_64: 436, aarch64: 436 },
  faccessat2: { x86_64: 439, aarch64: 439 },
  openat2: { x86_64: 437, aarch64: 437 },
  rseq: { x86_64: 334, aarch64: 293 },
  membarrier: { x86_64: 324, aarch64: 283 },
  memfd_create: { x86_64: 319, aarch64: 279 },
  getrandom: { x86_64: 318, aarch64: 278 },
  sched_getaffinity: { x86_64: 204, aarch64: 123 },
  prlimit64: { x86_64: 302, aarch64: 261 },
  inotify_init1: { x86_64: 294, aarch64: 26 },
  fsync: { x86_64: 74, aarch64: 82 },
  fdatasync: { x86_64: 75, aarch64: 83 },
  link: { x86_64: 86, aarch64: 37 },
  mkdir: { x86_64: 83, aarch64: 34 },
} as const;

/** Calls without which rpc.statd cannot serve, or not fully. */
const NEEDED = {
  flock: { x86_64: 73, aarch64: 32 },
  setgroups: { x86_64: 116, aarch64: 159 },
  capset: { x86_64: 126, aarch64: 91 },
  bind: { x86_64: 49, aarch64: 200 },
  rename: { x86_64: 82, aarch64: 38 },
  unlink: { x86_64: 87, aarch64: 35 },
  getdents64: { x86_64: 217, aarch64: 61 },
} as const;
const SOCKET = { x86_64: 41, aarch64: 198 } as const;
const AF_NETLINK = 16;
const MADVISE = { x86_64: 28, aarch64: 233 } as const;
const MADV_DOFORK = 11;
const OPENAT = { x86_64: 257, aarch64: 56 } as const;
const ALL = { ...NUMBERS, ...NEEDED };

export type RefusableCall = keyof typeof NUMBERS;

/**
 * Arguments: error number, system call number, condition, command. The condition is empty, or says of which
 * argument of the call it is, and that it `has` bits or `is` a value: `2 has 131072`.
 */
const PROGRAM = `
import ctypes, os, struct, sys
error, number, condition = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split()
libc = ctypes.CDLL(None, use_errno=True)
LOAD, JUMP_EQUAL, JUMP_SET, RETURN = 0x20, 0x15, 0x45, 0x06
ARGUMENTS, ARGUMENT_BYTES = 16, 8
ALLOW, ERRNO = 0x7fff0000, 0x50000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2
having = []
if condition:
    jump = JUMP_SET if condition[1] == "has" else JUMP_EQUAL
    argument = ARGUMENTS + ARGUMENT_BYTES * int(condition[0])
    having = [(LOAD, 0, 0, argument), (jump, 0, 1, int(condition[2]))]
refuse, allow = (RETURN, 0, 0, ERRNO | error), (RETURN, 0, 0, ALLOW)
steps = [(LOAD, 0, 0, 0), (JUMP_EQUAL, 0, len(having) + 1, number), *having, refuse, allow]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(code)))
libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
if libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
    sys.exit("seccomp: " + os.strerror(ctypes.get_errno()))
os.execv(sys.argv[4], sys.argv[4:])
`;

function filtered(error: number, number: number, condition: string, command: string[]): string[] {
  return [PYTHON, "-c", PROGRAM, String(error), String(number), condition, ...command];
}

/** Command in which a system call fails with EPERM. */
export function refusing(call: keyof typeof ALL, ...command: string[]): string[] {
  return filtered(EPERM, ALL[call][Deno.build.arch], "", command);
}

/** Command in which openat(2) fails with EPERM if it has the flag O_NOFOLLOW. */
export function refusingNoFollow(...command: string[]): string[] {
  return filtered(EPERM, OPENAT[Deno.build.arch], `2 has ${MACHINE.O_NOFOLLOW}`, command);
}

/** Command without netlink(7), as under `RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6`. */
export function refusingNetlink(...command: string[]): string[] {
  return filtered(EAFNOSUPPORT, SOCKET[Deno.build.arch], `0 is ${AF_NETLINK}`, command);
}

/** The command, whose forked children get no memory that was withheld from them before. */
export function withholdingMemory(...command: string[]): string[] {
  return filtered(EPERM, MADVISE[Deno.build.arch], `2 is ${MADV_DOFORK}`, command);
}

export const REFUSABLE_CALLS = Object.keys(NUMBERS) as readonly RefusableCall[];
