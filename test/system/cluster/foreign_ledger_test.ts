/** Ledger directory that nsmctl can use, and rpc.statd with mounts of its own cannot, as in a unit. */

import { assertEquals, assertMatch } from "@std/assert";
import { ClusterNode } from "../../support/cluster_node.ts";
import { FOREGROUND, READY } from "../../support/statd.ts";
import { OUR_STATD, systemTest } from "../../support/system_test.ts";

const NFS_CONF = '[identity "vip1"]\naddresses = 10.0.0.50\nledger = directory:/srv/nsm\n';

systemTest(
  "acquire tells what hinders rpc.statd alone from using the ledger",
  [OUR_STATD],
  async (newHost) => {
    const node = new ClusterNode(await newHost({ etc: { "nfs.conf": NFS_CONF } }), "a");
    const start = async (mounts: string) => {
      const command = `${mounts}\n${OUR_STATD} ${FOREGROUND.join(" ")} & wait`;
      const statd = node.host.start("unshare", "--mount", "sh", "-ec", command);
      await statd.line(READY);
      return statd;
    };
    const refused = async (why: RegExp) => {
      const { code, stderr } = await node.nsmctl("acquire", "vip1");
      assertEquals(code, 5, stderr);
      assertMatch(stderr, why);
    };
    const unmounted = await start("");
    await node.host.output("sh", "-ec", "mount -t tmpfs none /srv; mkdir /srv/nsm");
    await refused(/"\/srv\/nsm" does not exist.*: rpc\.statd has mounts of its own, and does not/);
    await node.host.kill(await node.pid(), "TERM");
    await unmounted.ended;

    await start("mount --bind /srv /srv; mount -o remount,bind,ro /srv");
    await refused(/: Read-only file system: it is read-only for rpc\.statd alone.*Paths=-\/srv,/);
  },
);
