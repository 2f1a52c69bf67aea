import { assertEquals } from "@std/assert";
import { compareViews, foreignView } from "../../lib/platform/foreign_view.ts";

const pure = { permissions: "none" } as const;

const OWN = [
  "1 0 8:1 / / rw - ext4 /dev/sda1 rw",
  "2 1 8:2 / /srv/vip1 rw - xfs /dev/sda2 rw",
  "3 1 8:3 / /srv/ro ro - xfs /dev/sda3 ro",
];
/** Mounts of a unit: all is read-only but one path, and /tmp is its own. */
const UNIT = [
  "1 0 8:1 / / ro - ext4 /dev/sda1 rw",
  "2 1 8:2 / /srv/vip1 ro - xfs /dev/sda2 rw",
  "3 1 8:3 / /srv/ro ro - xfs /dev/sda3 ro",
  "4 1 8:1 /tmp/systemd-private/tmp /tmp rw - ext4 /dev/sda1 rw",
  "5 1 8:1 /var/lib/nfs /var/lib/nfs rw - ext4 /dev/sda1 rw",
];

Deno.test(
  "compareViews() finds what is read-only, or another directory, for a unit alone",
  pure,
  () => {
    const of = (path: string, theirs = UNIT) =>
      compareViews(OWN.join("\n"), theirs.join("\n"), path);
    assertEquals(of("/srv/vip1/nsm"), "read-only");
    assertEquals(of("/srv/vip1"), "read-only");
    assertEquals(of("/srv/ro/nsm"), "same");
    assertEquals(of("/tmp/nsm"), "other");
    assertEquals(of("/var/lib/nfs/nsm"), "same");
    assertEquals(of("/var/lib/nfs"), "same");
    assertEquals(
      of("/srv/vip1/nsm", UNIT.slice(0, 1)),
      "other",
      "mounted after the unit has started",
    );
    assertEquals(of("/srv/vip1/nsm", OWN), "same");
    assertEquals(of("/srv/vip1/nsm", []), undefined);
  },
);

Deno.test("foreignView() of this process is its own", () => {
  // In a chroot, the table of mounts has none for "/".
  assertEquals(foreignView(Deno.pid, "/proc"), "same");
  assertEquals(foreignView(2 ** 30, "/proc"), undefined);
});
