import { assertEquals, assertThrows } from "@std/assert";
import { findMount, parseThreadStatus } from "../../lib/platform/proc.ts";

const MOUNTINFO = [
  "1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw",
  "2 1 8:1 /srv/a\\040b /srv/a\\040b ro,nosuid - ext4 /dev/sda1 rw",
  "3 1 8:2 / /mnt ro - xfs /dev/sda2 ro",
  "4 3 0:9 / /mnt rw - tmpfs tmpfs rw",
].join("\n");

Deno.test("findMount() distinguishes a sandbox from a read-only file system", {
  permissions: "none",
}, () => {
  const of = (path: string) => {
    const { type, isReadOnly, isReadOnlyHere } = findMount(MOUNTINFO, path)!;
    return [type, isReadOnly, isReadOnlyHere];
  };
  assertEquals(of("/var/lib/nfs"), ["ext4", false, false]);
  assertEquals(of("/srv/a b/nsm"), ["ext4", true, true]);
  assertEquals(of("/srv/a bc"), ["ext4", false, false]);
  assertEquals(of("/mnt/nsm"), ["tmpfs", false, false], "the last mount on a point counts");
  assertEquals(
    findMount(MOUNTINFO.split("\n").slice(2, 3).join("\n"), "/mnt")!.isReadOnlyHere,
    false,
  );
});

const pure = { permissions: "none" } as const;

/** Status in the format of Linux 6, shortened. */
const STATUS = `Name:\trpc.statd
Umask:\t0007
State:\tR (running)
Tgid:\t4242
Ngid:\t0
Pid:\t4243
PPid:\t1
Uid:\t105\t105\t105\t105
Gid:\t65534\t65534\t65534\t65534
FDSize:\t64
Groups:\t4 24 
NStgid:\t4242
Threads:\t2
SigQ:\t0/15000
CapInh:\t0000000000000000
CapPrm:\t0000000000000400
CapEff:\t0000000000000400
CapBnd:\t000001ffffffffff
CapAmb:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t0
`;

Deno.test("parseThreadStatus() reads ids, groups and capability sets", pure, () => {
  assertEquals(parseThreadStatus(STATUS), {
    id: 4243,
    name: "rpc.statd",
    uids: [105, 105, 105, 105],
    gids: [65534, 65534, 65534, 65534],
    groups: [4, 24],
    inheritable: 0n,
    permitted: 0x400n,
    effective: 0x400n,
    bounding: 0x1ffffffffffn,
    ambient: 0n,
    noNewPrivileges: true,
  });
});

Deno.test("parseThreadStatus() reads an empty list of groups", pure, () => {
  assertEquals(parseThreadStatus(STATUS.replace("4 24 ", "")).groups, []);
});

Deno.test("parseThreadStatus() is not deceived by a thread's name", pure, () => {
  // the kernel writes a line end in a name as \n
  const status = parseThreadStatus(STATUS.replace("rpc.statd", "a\\nUid:\t0\t0\t0\t0"));
  assertEquals(status.uids, [105, 105, 105, 105]);
});

Deno.test("parseThreadStatus() refuses a text without a required field", pure, () => {
  for (
    const name of ["Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs"]
  ) {
    const without = STATUS.split("\n").filter((line) => !line.startsWith(`${name}:`)).join("\n");
    assertThrows(() => parseThreadStatus(without), Error, `no field "${name}"`);
  }
});
