/** Claims of the lab's scenarios about its two machines, and shared actions. */

import type { Machine } from "./machine.ts";

/** Scenarios by subject, in order. */
export type Scenarios = Readonly<Record<string, (world: World) => Promise<void>>>;

export interface World {
  readonly server: Machine;
  readonly client: Machine;
  claim(what: string, isSo: boolean, evidence?: string): void;
}

const FOLDER = "/var/lib/nfs";

export const isActive = (unit: string) => `systemctl is-active --quiet ${unit}`;
/** Whether the unit runs our program: none of Debian's is so large. `$p` is its process then. */
export const isOurs = (unit: string) =>
  `p=$(systemctl show -p MainPID --value ${unit}); [ $(stat -Lc %s /proc/$p/exe) -gt 50000000 ]`;
/** Lines of /proc/locks on the server for the file that the client locks. */
export const LOCKS = 'i=$(stat -c %i /export/file) && grep -E "POSIX.*:$i " /proc/locks';

export async function claimSuccess(
  { claim }: World,
  what: string,
  machine: Machine,
  command: string,
): Promise<void> {
  const { code, text } = await machine.result(command);
  claim(`${machine.name}: ${what}`, code === 0, text.split("\n").slice(-6).join("; "));
}

/** Number in the state file. */
export async function stateOf(machine: Machine, folder = FOLDER): Promise<number> {
  return Number(await machine.run(`od -An -td4 -N4 ${folder}/state`));
}

export async function claimSameState(
  { claim }: World,
  machine: Machine,
  folder?: string,
): Promise<number> {
  const file = await stateOf(machine, folder);
  const kernel = Number(await machine.run("cat /proc/sys/fs/nfs/nsm_local_state"));
  claim(
    `${machine.name}: the lock manager has the state number`,
    file === kernel,
    `${file}, ${kernel}`,
  );
  return file;
}

export async function mount({ client }: World): Promise<void> {
  await client.run("mount -t nfs -o vers=3,hard,timeo=20,noac server.lab:/export /mnt");
}

/** Takes a lock on the client, as a unit of its own that keeps running. */
export async function lock({ client }: World): Promise<void> {
  await client.run(
    "systemctl reset-failed lock.service 2>/dev/null; " +
      "systemd-run --quiet --unit=lock -p IgnoreOnIsolate=yes -p DefaultDependencies=no " +
      "flock /mnt/file sh -c 'echo held >/run/held; exec sleep infinity'",
  );
  await client.until("the lock is granted", "grep -q held /run/held");
}

export async function unlock({ client }: World): Promise<void> {
  await client.run("systemctl stop lock.service; rm -f /run/held");
}

export async function claimMonitored(
  { server, client, claim }: World,
  folder = FOLDER,
): Promise<void> {
  for (
    const [machine, peer, path] of [
      [server, client, folder],
      [client, server, FOLDER],
    ] as const
  ) {
    const list = await machine.run(`ls ${path}/sm`);
    claim(
      `${machine.name}: ${peer.name} is monitored`,
      new RegExp(`^(${peer.address}|${peer.name}\\b.*)$`, "m").test(list),
      list.replaceAll("\n", " "),
    );
  }
}

export async function claimNoFailure(world: World, machine: Machine): Promise<void> {
  await machine.settled();
  const command = "systemctl --failed --no-legend | grep . && exit 1; systemctl is-system-running";
  await claimSuccess(world, "no unit failed", machine, command);
}

/** Claims after a restart of the server while the client held a lock. */
export async function claimReclaimed(world: World, before: number, folder = FOLDER): Promise<void> {
  const { server, client, claim } = world;
  const lock = await server.until("the lock is back", LOCKS);
  const uptime = await server.run("cut -d' ' -f1 /proc/uptime");
  const isOver = await server.run("cat /proc/fs/lockd/nlm_end_grace | head -c 1");
  claim(
    "server: the lock is reclaimed within the grace period",
    isOver === "N",
    `${uptime} s after the boot: ${lock}`,
  );
  await claimSuccess(world, "the process still holds it", client, isActive("lock"));
  await server.until(
    "the notifier is done",
    `${isActive("rpc-statd-notify")} && [ -z "$(ls ${folder}/sm.bak)" ]`,
  );
  const state = await claimSameState(world, server, folder);
  claim("server: its state number is two higher", state === before + 2, `${before}, ${state}`);
  await server.until("the client is monitored again", `ls ${folder}/sm | grep .`);
  await claimMonitored(world, folder);
  await claimNoFailure(world, server);
}
