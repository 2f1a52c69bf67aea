/** Layouts and flags of both machines, whichever one runs the test; the C declarations decide. */

import { assertEquals } from "@std/assert";
import { MACHINE, MACHINES } from "../../lib/platform/machine.ts";

const pure = { permissions: "none" } as const;

type Field = readonly [name: string, bytes: number];

/** Offsets of fields by the rules of C for these machines: each one is aligned to its size. */
function offsets(fields: readonly Field[], isPacked = false): Record<string, number> {
  let at = 0;
  return Object.fromEntries(fields.map(([name, bytes]) => {
    if (!isPacked) at = Math.ceil(at / bytes) * bytes;
    const offset = at;
    at += bytes;
    return [name, offset];
  }));
}

/** struct stat of arch/x86/include/uapi/asm/stat.h and include/uapi/asm-generic/stat.h, up to st_size. */
const STAT: Readonly<Record<keyof typeof MACHINES, readonly Field[]>> = {
  x86_64: [
    ["dev", 8],
    ["ino", 8],
    ["nlink", 8],
    ["mode", 4],
    ["uid", 4],
    ["gid", 4],
    ["pad", 4],
    ["rdev", 8],
    ["size", 8],
  ],
  aarch64: [
    ["dev", 8],
    ["ino", 8],
    ["mode", 4],
    ["nlink", 4],
    ["uid", 4],
    ["gid", 4],
    ["rdev", 8],
    ["pad", 8],
    ["size", 8],
  ],
};
const EPOLL_EVENT: readonly Field[] = [["events", 4], ["data", 8]];

for (const [arch, machine] of Object.entries(MACHINES)) {
  const name = arch as keyof typeof MACHINES;
  Deno.test(`structures of ${arch} are laid out as C does`, pure, () => {
    const all = offsets(STAT[name]);
    const wanted = Object.keys(machine.stat).map((field) => [field, all[field]]);
    assertEquals<unknown>(machine.stat, Object.fromEntries(wanted));
    assertEquals(machine.epollData, offsets(EPOLL_EVENT, name === "x86_64")["data"]);
  });
}

Deno.test("flags and numbers of system calls are those of the kernel's headers", pure, () => {
  const facts = Object.entries(MACHINES).map(([arch, machine]) => [
    arch,
    machine.O_DIRECTORY,
    machine.O_NOFOLLOW,
    machine.systemCalls,
  ]);
  assertEquals<unknown>(facts, [
    // asm-generic/fcntl.h; arch/x86/entry/syscalls/syscall_64.tbl
    ["x86_64", 0o200000, 0o400000, { fstat: 5n, getdents64: 217n, statx: 332n }],
    // arch/arm64/include/uapi/asm/fcntl.h; asm-generic/unistd.h
    ["aarch64", 0o40000, 0o100000, { fstat: 80n, getdents64: 61n, statx: 291n }],
  ]);
});

Deno.test("no other module asks for the machine", () => {
  const folder = new URL("../../lib/platform/", import.meta.url);
  const asking = [...Deno.readDirSync(folder)]
    .map(({ name }) => name)
    .filter((name) => Deno.readTextFileSync(new URL(name, folder)).includes("Deno.build.arch"));
  assertEquals(asking, ["machine.ts"]);
  assertEquals(MACHINE, MACHINES[Deno.build.arch]);
});
