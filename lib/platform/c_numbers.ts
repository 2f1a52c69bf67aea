/** Numbers of the C headers that several files need: 64-bit Linux, x86-64 and arm64. */

/** Address families (socket(2)). */
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;

/** Socket types, and flags that are added to them (socket(2)). */
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

/** Flags of send(2) and recv(2). */
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;

/** Level of the options that every socket has (socket(7)). */
export const SOL_SOCKET = 1;

/** Flags of open(2); `machine.ts` has those that differ between machines. */
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;

/** Command of fcntl(2) that sets the flags of an open file. */
export const F_SETFL = 4;
