/**
 * Scenarios with the product's rpcbind under a kernel's nfsd and lockd, which register only once;
 * first with Debian's nfs-utils, then with the product's package.
 */

import {
  claimMonitored,
  claimNoFailure,
  claimSuccess,
  isActive,
  isOurs,
  lock,
  LOCKS,
  mount,
  type Scenarios,
  unlock,
  type World,
} from "./claims.ts";
import type { Machine } from "./machine.ts";

/** Registrations other than rpcbind's own, one per line. */
const ENTRIES = "rpcinfo | awk 'NR > 1 && $1 != 100000 { print $1, $2, $3, $4, $NF }' | sort";
const MAIN = "systemctl show -p MainPID --value rpcbind";
/** Programs registered by a kernel itself: nfsd, and lockd. */
const OF_KERNEL = ["100003", "100021"];

const STATUS_MONITOR = "100024";

/** Ways in which an rpcbind ends, and another one starts. */
const ENDS: Readonly<Record<string, string>> = {
  "kill -9": `kill -KILL $(${MAIN})`,
  restart: "systemctl restart rpcbind.service",
  "stop and start": "systemctl stop rpcbind.service; systemctl start rpcbind.service",
};

/** Replaces Debian's rpcbind, which has entries by then, by ours. */
async function takesOver(world: World): Promise<void> {
  const { server, client } = world;
  await Promise.all([server.boot(), client.boot()]);
  await Promise.all([server.settled(), client.settled()]);
  await mount(world);
  await lock(world);
  for (const machine of [server, client]) {
    // rpc-statd requires the socket, so it is stopped with it, and registers again.
    const others = `${ENTRIES} | grep -v "^${STATUS_MONITOR} "`;
    const before = await machine.run(others);
    await machine.run(
      "cp -a /host/program /opt/nsm; cp /host/units/* /etc/systemd/system/; systemctl daemon-reload; " +
        "systemctl stop rpcbind.socket rpcbind.service; systemctl start rpcbind.socket rpcbind.service",
    );
    const after = await machine.run(others);
    await machine.run("systemctl start rpc-statd; sync");
    await claimSuccess(
      world,
      "rpcbind is the product's",
      machine,
      `${isActive("rpcbind")} && ${isOurs("rpcbind")} && readlink /proc/$p/exe`,
    );
    claimEntries(world, machine, "of Debian's rpcbind are taken over", before, after);
  }
  await claimSuccess(world, "the lock is still there", server, LOCKS);
}

function claimEntries(
  { claim }: World,
  machine: Machine,
  what: string,
  before: string,
  after: string,
): void {
  const programs = new Set(after.split("\n").map((line) => line.split(" ")[0]!));
  claim(
    `${machine.name}: entries ${what}, those of the kernel among them`,
    before === after && OF_KERNEL.some((program) => programs.has(program)),
    before === after
      ? `${after.split("\n").length} of ${[...programs].join(" ")}`
      : `${before} -- ${after}`,
  );
}

/** Tries each end of rpcbind on both sides, followed by a new mount with a lock. */
async function endsInEachWay(world: World): Promise<void> {
  const { server, client } = world;
  for (const [how, command] of Object.entries(ENDS)) {
    for (const machine of [server, client]) {
      const before = await machine.run(ENTRIES);
      const pid = await machine.run(MAIN);
      await machine.run(command);
      await machine.until(
        "another rpcbind serves",
        `p=$(${MAIN}); [ $p != ${pid} ] && [ $p != 0 ] && ${
          isActive("rpcbind")
        } && rpcinfo -T udp 127.0.0.1 100000 4`,
      );
      claimEntries(world, machine, `are kept over ${how}`, before, await machine.run(ENTRIES));
    }
    await unlock(world);
    await client.run("umount /mnt");
    await mount(world);
    await lock(world);
    await claimSuccess(world, `a new mount has a lock after ${how}`, server, LOCKS);
    await server.until("the client is monitored", "ls /var/lib/nfs/sm | grep .");
    await claimMonitored(world);
  }
}

/** Notices after a reboot use ports from rpcbind. */
async function serverLosesPower(world: World): Promise<void> {
  const { server, client, claim } = world;
  await server.cutPower();
  await server.boot();
  const lock = await server.until("the lock is back", LOCKS);
  const isOver = await server.run("head -c 1 /proc/fs/lockd/nlm_end_grace");
  claim("server: the lock is reclaimed within the grace period", isOver === "N", lock);
  await claimSuccess(world, "the process still holds it", client, isActive("lock"));
  await server.until("the client is monitored again", "ls /var/lib/nfs/sm | grep .");
  await claimMonitored(world);
  await claimNoFailure(world, server);
}

async function installed(world: World): Promise<void> {
  for (const machine of [world.server, world.client]) {
    await machine.run("dpkg -i /host/nsm.deb; sync");
    await machine.settled();
    await claimSuccess(
      world,
      "the status monitor is the product's",
      machine,
      isOurs("rpc-statd"),
    );
    await claimSuccess(world, "nsmctl doctor finds nothing", machine, "nsmctl doctor");
  }
}

export const RPCBIND: Scenarios = {
  "it takes the place of Debian's": takesOver,
  "it ends beside Debian's status monitor": endsInEachWay,
  "the server with Debian's status monitor loses its power": serverLosesPower,
  "the package is installed": installed,
  "it ends beside the product's status monitor": endsInEachWay,
  "the server with the product's status monitor loses its power": serverLosesPower,
};
