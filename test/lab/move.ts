/**
 * Acceptance test 17 of identities: a service moves between two user-mode-linux kernels with nfsd and lockd,
 * whose disk both can mount, while an NFSv3 client of a third one holds a lock, and a fourth one wants it.
 * Prints PASS or FAIL for each claim.
 *
 * `./install.sh build`, then `deno task lab-move` as root on Debian with debootstrap; the rest is as of
 * `deno task lab`.
 */

import { type Lab, Machine } from "./machine.ts";

const CACHE = Deno.env.get("NSM_LAB_CACHE") ?? "/var/cache/nsm-lab";
const HERE = new URL(".", import.meta.url).pathname;
const PROGRAM = new URL("../../dist/rpc.statd", import.meta.url).pathname;
const VIP = "10.78.0.50";
const DISK_BYTES = 64 * 1_048_576;

const NFS_CONF = `[identity "vip1"]
names = vip1.lab
addresses = ${VIP}
ledger = directory:/export/nsm
[sm-notify]
lift-grace = no
`;
/** Replaces Debian's status monitor, keeping its unit and folders; nfsd waits for its address. */
const INSTALL = `set -e
systemctl stop nfs-server rpc-statd rpc-statd-notify
cp /host/rpc.statd /usr/sbin/rpc.statd
ln -sf rpc.statd /usr/sbin/sm-notify
ln -sf rpc.statd /usr/sbin/nsmctl
cp /host/identity.conf /etc/nfs.conf.d/
systemctl start rpc-statd`;
/** Steps of nsm-cluster(7) for the node that takes over. */
const TAKE_OVER = `set -e
mount /dev/ubdb /export
mkdir -p /export/nsm
touch /export/file
nsmctl identity acquire vip1 --fenced
systemctl start nfs-server
ip address add ${VIP}/24 dev eth0`;
const MOUNT =
  `ip neighbour flush dev eth0; mount -t nfs -o vers=3,hard,timeo=20,noac ${VIP}:/export /mnt`;
/** Takes a lock, as a unit of its own that keeps running. */
const LOCK =
  "systemd-run --quiet --unit=lock flock /mnt/file sh -c 'echo held >/run/held; exec sleep infinity'";
const LOCKS = 'i=$(stat -c %i /export/file) && grep -E "POSIX.*:$i " /proc/locks';
const IN_GRACE = '[ "$(head -c 1 /proc/fs/lockd/nlm_end_grace)" = N ]';

// deno-lint-ignore no-console -- the figures are what this is for
const say = console.log;

async function prepared(out: string): Promise<Lab> {
  const { success } = await new Deno.Command(`${HERE}prepare`, { args: [CACHE] }).spawn().status;
  if (!success) throw new Error("the lab could not be prepared");
  await Deno.copyFile(PROGRAM, `${out}/rpc.statd`);
  await Deno.writeTextFile(`${out}/identity.conf`, NFS_CONF);
  const disk = await Deno.create(`${out}/disk`);
  await disk.truncate(DISK_BYTES);
  disk.close();
  const made = await new Deno.Command("mkfs.ext4", { args: ["-q", `${out}/disk`] }).output();
  if (!made.success) throw new Error(new TextDecoder().decode(made.stderr));
  return { cache: CACHE, out };
}

type Claim = (what: string, isSo: boolean, evidence?: string) => void;

async function move(machines: readonly Machine[], claim: Claim): Promise<void> {
  const [a, b, client, rival] = machines as [Machine, Machine, Machine, Machine];
  await Promise.all(machines.map((machine) => machine.boot()));
  await Promise.all(machines.map((machine) => machine.settled()));
  await Promise.all([a, b].map((server) => server.run(INSTALL)));
  await a.run(TAKE_OVER);
  await a.run("nsmctl identity notify vip1");
  await Promise.all([client, rival].map((machine) => machine.run(MOUNT)));
  await client.run(LOCK);
  await client.until("the lock is granted", "grep -q held /run/held");
  const status = await a.run("nsmctl identity status vip1");
  claim("the ledger has the client that holds a lock", /recorded=1 /.test(status), status);

  await a.cutPower();
  await b.run(TAKE_OVER);
  await Promise.all([client, rival].map((machine) => machine.run("ip neighbour flush dev eth0")));
  const told = await b.result("nsmctl identity notify vip1");
  claim("its clients are told", told.code === 0, told.text);
  const lock = await b.until("the lock is back", LOCKS);
  claim(
    "the lock is reclaimed within the grace period",
    (await b.result(IN_GRACE)).code === 0,
    lock,
  );
  const early = await rival.result("timeout 10 flock -n /mnt/file true");
  const stillInGrace = (await b.result(IN_GRACE)).code === 0;
  claim(
    "another client does not get it in the grace period",
    early.code !== 0 && stillInGrace,
    `status ${early.code}, in grace ${stillInGrace}`,
  );
  await b.until("the grace period is over", `! ${IN_GRACE}`);
  const late = await rival.result("timeout 60 flock -n /mnt/file true");
  claim("nor after it", late.code === 1, `status ${late.code}`);
  claim("the process still holds it", (await client.result("systemctl is-active lock")).code === 0);
  await client.run("systemctl stop lock");
  const free = await rival.result("timeout 60 flock /mnt/file true");
  claim("when it is given back, the other client gets it", free.code === 0, `status ${free.code}`);
}

async function main(): Promise<boolean> {
  const out = await Deno.makeTempDir({ prefix: "nsm-lab-" });
  const lab = await prepared(out);
  const plug = new Deno.Command(`${lab.cache}/host/usr/bin/uml_switch`, {
    args: ["-unix", `${out}/switch`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const machines = [
    new Machine(lab, "a", "10.78.0.3", undefined, `${out}/disk`),
    new Machine(lab, "b", "10.78.0.4", undefined, `${out}/disk`),
    new Machine(lab, "client", "10.78.0.5"),
    new Machine(lab, "rival", "10.78.0.6"),
  ];
  const stop = async () => {
    await Promise.all(machines.map((machine) => machine.cutPower()));
    plug.kill();
    await plug.status;
    await Deno.remove(out, { recursive: true });
  };
  // The kernels are process groups of their own, and would keep running.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => void stop().finally(() => Deno.exit(1)));
  }
  const start = performance.now();
  let failed = 0;
  const claim: Claim = (what, isSo, evidence = "") => {
    if (!isSo) failed++;
    const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(6);
    say(`[${seconds}] ${isSo ? "PASS" : "FAIL"} ${what} -- ${evidence.replaceAll("\n", "; ")}`);
  };
  try {
    await move(machines, claim);
  } catch (error) {
    claim("all of it could be tried", false, (error as Error).message);
  } finally {
    await stop();
  }
  return failed === 0;
}

Deno.exit(await main() ? 0 : 1);
