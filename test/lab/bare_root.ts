/**
 * Scenarios with a client whose root file system has the kernel's modules, ld.so, the C library, our one file
 * with its links, mount.nfs with what it links to, and a busybox: no rpcbind, nothing else of nfs-utils, and no
 * list of users or hosts. The server is Debian's own. Each scenario goes on from the one before it.
 */

import { claimMonitored, claimSuccess, LOCKS, type Scenarios, type World } from "./claims.ts";

const CONFIG = "/etc/nfs.conf";
/** Files of the root, except libraries and modules. */
const FILES = "find / -xdev -type f ! -path '/lib/*' ! -path '/lost+found/*' | sort | tr '\\n' ' '";
/** rpcbind's port in /proc/net, which says ports in hexadecimal digits. */
const ANSWERS_AT_111 = "cat /proc/net/udp /proc/net/udp6 | grep -q ':006F '";

const mountNfs = "mount.nfs 10.78.0.1:/export /mnt -o vers=3,proto=tcp,hard,timeo=20,noac";

async function mountAndLock(world: World): Promise<void> {
  const { server, client } = world;
  await claimSuccess(world, "mounts, with locking", client, mountNfs);
  await claimSuccess(
    world,
    "the mount is of NFSv3 and has no nolock",
    client,
    "grep ' /mnt nfs .*vers=3' /proc/mounts && ! grep -q 'nolock\\|local_lock=all' /proc/mounts",
  );
  // Opened for writing: NFS requires that for an exclusive lock.
  await client.run(
    "rm -f /run/held; setsid sh -c 'exec 9>>/mnt/file; flock 9 && echo $$ >/run/held; exec sleep 100000' >/dev/null 2>&1 &",
  );
  await client.until("the lock is granted", "grep . /run/held");
  await claimSuccess(world, "/proc/locks has the client's lock", server, LOCKS);
  await claimMonitored(world);
}

/** There is no name service, and none is needed. */
async function claimNoError({ client, claim }: World): Promise<void> {
  const { text } = await client.result("nsmctl doctor");
  const errors = text.match(/^ERROR .*$/gm) ?? [];
  claim(
    "client: nsmctl doctor finds no error but that there is no name service",
    errors.every((error) => error === "ERROR name-service-silent"),
    errors.join("; "),
  );
}

async function withoutAnything(world: World): Promise<void> {
  const { server, client, claim } = world;
  await Promise.all([server.boot(), client.boot()]);
  await server.settled();
  const files = await client.run(FILES);
  const others = files.split(" ").filter((path) => /rpc|nfs|stat|notify/.test(path));
  claim(
    "client: it has no rpcbind but ours, and of nfs-utils only mount.nfs",
    others.join(" ") === "/sbin/mount.nfs /sbin/rpc.statd",
    files,
  );
  claim("client: nobody answers at port 111", (await client.result(ANSWERS_AT_111)).code !== 0);
  const refused = await client.result(`${mountNfs},retry=0`);
  claim(
    "client: without rpcbind a mount with locking is refused",
    refused.code !== 0,
    refused.text.replaceAll("\n", "; "),
  );
  const doctor = await client.result("nsmctl doctor");
  claim(
    "client: nsmctl doctor says what mends it",
    /mode = (auto|yes)|rpcbind -w/.test(doctor.text),
    doctor.text.replaceAll("\n", "; "),
  );
  await client.cutPower();
}

async function startedByStatd(world: World): Promise<void> {
  const { client } = world;
  await client.boot();
  await client.run(`printf '[rpcbind]\\nmode = yes\\n' >${CONFIG}; sync`);
  await mountAndLock(world);
  await claimNoError(world);
  await claimSuccess(world, "rpcbind serves", client, ANSWERS_AT_111);
}

/** The server's notice reaches a status monitor that is registered only with our rpcbind. */
async function serverLosesPower(world: World): Promise<void> {
  const { server, client, claim } = world;
  await server.cutPower();
  await server.boot();
  const lock = await server.until("the lock is back", LOCKS);
  const isOver = await server.run("head -c 1 /proc/fs/lockd/nlm_end_grace");
  claim("server: the lock is reclaimed within the grace period", isOver === "N", lock);
  await claimSuccess(world, "the process still has it", client, "kill -0 $(cat /run/held)");
  await server.settled();
  await server.until("the client is monitored again", "ls /var/lib/nfs/sm | grep .");
  await claimMonitored(world);
}

async function startedBefore(world: World): Promise<void> {
  const { server, client, claim } = world;
  await client.cutPower();
  claim("server: the lock stays while the client is down", (await server.result(LOCKS)).code === 0);
  await client.boot();
  await client.run(`rm ${CONFIG}; modprobe lockd; rpcbind -w; sm-notify`);
  await server.until("the lock of the client is dropped", `! { ${LOCKS}; }`);
  claim("server: the lock of the client is dropped when it is back", true);
  await mountAndLock(world);
  await claimNoError(world);
}

export const BARE_ROOT: Scenarios = {
  "nothing is started, and no setting made": withoutAnything,
  "[rpcbind] mode = yes": startedByStatd,
  "the server loses its power": serverLosesPower,
  "the client loses its power; rpcbind is started before": startedBefore,
};
