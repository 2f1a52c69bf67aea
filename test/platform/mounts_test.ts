import { assertEquals } from "@std/assert";
import { findMount } from "../../lib/platform/mounts.ts";

const MOUNTINFO = [
  "1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw",
  "2 1 8:1 /srv/a\\040b /srv/a\\040b ro,nosuid - ext4 /dev/sda1 rw",
  "3 1 8:2 / /mnt ro - xfs /dev/sda2 ro",
  "4 3 0:9 / /mnt rw - tmpfs tmpfs rw",
].join("\n");

Deno.test("findMount() tells a sandbox from a file system that is read-only", {
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
