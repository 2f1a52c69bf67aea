/**
 * Scenarios with systemd and the product's package, in order: each continues from the previous one.
 */

import {
  claimMonitored,
  claimNoFailure,
  claimReclaimed,
  claimSameState,
  claimSuccess,
  isActive,
  isOurs,
  lock,
  LOCKS,
  mount,
  type Scenarios,
  stateOf,
  unlock,
  type World,
} from "./claims.ts";

const UNITS = ["rpc-statd.service", "rpc-statd-notify.service"];

async function installed(world: World): Promise<void> {
  const { server, client } = world;
  await Promise.all([server.boot(), client.boot()]);
  await Promise.all([server.settled(), client.settled()]);
  await mount(world);
  await lock(world);
  await server.until("Debian's own status monitor knows the client", "ls /var/lib/nfs/sm | grep .");
  await Promise.all(
    [server, client].map((machine) => machine.run("dpkg -i /host/nsm.deb", 300_000)),
  );
  for (const machine of [server, client]) {
    await claimSuccess(
      world,
      "rpc-statd is active after the installation",
      machine,
      isActive("rpc-statd"),
    );
    await claimSuccess(
      world,
      "it is the program of the package, and its processes have no more than they need",
      machine,
      `${isOurs("rpc-statd")} && ` +
        'grep -E "^(Uid|CapEff|NoNewPrivs|Seccomp):" /proc/$p/status | tr "\\n\\t" "  " && grep -q "^CapEff:.0000000000000400" /proc/$p/status',
    );
    await claimSuccess(
      world,
      "systemd finds nothing in the units",
      machine,
      `systemd-analyze verify --man=no ${UNITS.join(" ")} 2>&1 | grep . && exit 1 || exit 0`,
    );
    await claimSuccess(
      world,
      "status says what is served",
      machine,
      "systemctl show -p ActiveState,SubState,StatusText rpc-statd | tr '\\n' ' '; systemctl show -p StatusText rpc-statd | grep -q 100024",
    );
    await claimSuccess(world, "nsmctl doctor finds nothing", machine, "nsmctl doctor");
    await machine.run("sync");
  }
  await claimMonitored(world);
  await claimSuccess(world, "the lock is still there", server, LOCKS);
}

async function serverLosesPower(world: World): Promise<void> {
  const { server } = world;
  const before = await stateOf(server);
  await server.cutPower();
  await server.boot();
  await claimReclaimed(world, before);
}

async function serverRestarts(world: World): Promise<void> {
  const { server } = world;
  const before = await stateOf(server);
  await server.reboot();
  await claimReclaimed(world, before);
}

async function clientLosesPower(world: World): Promise<void> {
  const { server, client, claim } = world;
  await client.run(
    "echo 'server.lab:/export /mnt nfs vers=3,hard,timeo=20,noac,nofail 0 0' >>/etc/fstab; sync",
  );
  const before = await stateOf(client);
  await client.cutPower();
  claim("the lock stays while the client is down", (await server.result(LOCKS)).code === 0);
  await client.boot();
  await server.until("the lock of the client is dropped", `! { ${LOCKS}; }`);
  claim("the lock of the client is dropped when it is back", true);
  await client.settled();
  await claimSuccess(world, "fstab's mount is there", client, "mountpoint /mnt");
  await claimSuccess(
    world,
    "a mount that starts the status monitor has mounts want it, so that an isolate leaves it",
    client,
    // Another unit starts it and depends on it, as nfs-server.service does here.
    "umount /mnt; systemctl stop rpc-statd; mount /mnt; " +
      "systemctl show -p Wants --value remote-fs.target | tr ' ' '\\n' | grep -x rpc-statd.service",
  );
  await claimNoFailure(world, client);
  await claimSuccess(world, "the status monitor runs", client, isActive("rpc-statd"));
  const state = await claimSameState(world, client);
  claim("client: its state number is two higher", state === before + 2, `${before}, ${state}`);
  await lock(world);
  await claimMonitored(world);
}

async function isolated(world: World): Promise<void> {
  const { client } = world;
  const main = "systemctl show -p MainPID --value rpc-statd";
  const pid = await client.run(main);
  await client.run("systemctl isolate multi-user.target");
  await client.settled();
  const after = await client.run(main);
  world.claim(
    "client: isolate multi-user leaves the status monitor alone",
    pid === after,
    `${pid}, ${after}`,
  );
  await client.run("systemctl isolate rescue.target");
  await client.until("rescue.target is reached", isActive("rescue.target"));
  const rescued = await client.result(
    "systemctl is-active rpc-statd rpcbind.socket; mountpoint /mnt; ls /var/lib/nfs/sm",
  );
  world.claim(
    "client: isolate rescue keeps the list",
    /server|10\.78\.0\.1/.test(rescued.text),
    rescued.text.replaceAll("\n", "; "),
  );
  await client.run("systemctl isolate multi-user.target");
  await client.settled();
  await claimSuccess(
    world,
    "it serves after multi-user came back",
    client,
    `${isActive("rpc-statd")} && rpcinfo -u 127.0.0.1 100024 1`,
  );
  await claimMonitored(world);
}

async function ownStateDirectory(world: World): Promise<void> {
  const { server } = world;
  await server.run(`set -e
    systemctl stop rpc-statd
    mkdir /srv/nsm
    cp -a /var/lib/nfs/state /var/lib/nfs/sm /var/lib/nfs/sm.bak /srv/nsm
    printf '[statd]\nstate-directory-path=/srv/nsm\n' >/etc/nfs.conf.d/state.conf
    dpkg-reconfigure nsm
    systemctl start rpc-statd
    sync`);
  await claimSuccess(
    world,
    "it serves with a state directory of its own",
    server,
    `${isActive("rpc-statd")} && rpcinfo -u 127.0.0.1 100024 1`,
  );
  await claimSuccess(world, "nsmctl doctor finds nothing", server, "nsmctl doctor");
  await claimMonitored(world, "/srv/nsm");
  const before = await stateOf(server, "/srv/nsm");
  await server.cutPower();
  await server.boot();
  await claimReclaimed(world, before, "/srv/nsm");
}

async function debianRpcbindRestarts(world: World): Promise<void> {
  const { server, client } = world;
  const main = "systemctl show -p MainPID --value rpc-statd";
  const pid = await client.run(main);
  await client.run("systemctl stop rpcbind.service");
  await claimSuccess(
    world,
    "a call to a stopped rpcbind finds the status monitor",
    client,
    "rpcinfo -u 127.0.0.1 100024 1",
  );
  await client.run(
    "systemctl stop rpcbind.service; rm -f /run/rpcbind/*.xdr; systemctl start rpcbind.service",
  );
  await client.until("it registers itself again", "rpcinfo -u 127.0.0.1 100024 1");
  await claimSuccess(world, "the other side finds it", server, "rpcinfo -t client.lab 100024 1");
  world.claim("client: the status monitor ran on meanwhile", pid === await client.run(main), pid);
}

async function ownRpcbind(world: World): Promise<void> {
  const { server, client } = world;
  await client.run(
    "cp /host/units/* /etc/systemd/system/; systemctl daemon-reload; systemctl stop rpcbind.socket rpcbind.service; systemctl start rpcbind.socket rpc-statd; sync",
  );
  await claimSuccess(
    world,
    "systemd finds nothing in the units of rpcbind",
    client,
    "systemd-analyze verify --man=no rpcbind.service rpcbind.socket 2>&1 | grep . && exit 1 || exit 0",
  );
  await client.until("the status monitor is registered", "rpcinfo -u 127.0.0.1 100024 1");
  await claimSuccess(
    world,
    "rpcbind is the product's",
    client,
    `${isOurs("rpcbind")} && systemctl show -p StatusText rpcbind`,
  );
  for (const way of ["u", "t"]) {
    await client.run("systemctl stop rpcbind.service");
    await claimSuccess(
      world,
      `a first call of -${way} from another host starts rpcbind`,
      server,
      `rpcinfo -${way} client.lab 100024 1`,
    );
    await claimSuccess(world, "it was started by its socket", client, isActive("rpcbind.service"));
  }
  await unlock(world);
  const before = await stateOf(client);
  await client.reboot();
  await client.settled();
  await claimSuccess(world, "fstab's mount is there with it", client, "mountpoint /mnt");
  await lock(world);
  await claimMonitored(world, "/srv/nsm");
  world.claim("client: its state number did not fall", await stateOf(client) >= before);
  await claimNoFailure(world, client);
}

/** vm.overcommit_memory=2, as on hardened hosts: the archive -jitless commits little memory. */
async function littleMemory(world: World): Promise<void> {
  const { client } = world;
  const serves = (program: string) =>
    "mkdir -p /run/little/sm /run/little/sm.bak; chown -R statd /run/little; " +
    `timeout 60 ${program} -F -d -P /run/little -p 4662 --no-notify >/run/little.log 2>&1 & p=$!; ` +
    "for i in $(seq 200); do grep -q Ready. /run/little.log && break; kill -0 $p || break; sleep 0.1; done; " +
    "kill $p; grep -E 'Fatal|Ready.' /run/little.log || tail -n 2 /run/little.log; grep -q Ready. /run/little.log";
  await client.run(
    "systemctl stop rpc-statd; sysctl -qw vm.overcommit_ratio=30 vm.overcommit_memory=2",
  );
  const usual = await client.result(serves("rpc.statd"));
  const said = usual.text.replaceAll("\n", "; ");
  world.claim(
    "client: the usual program ends by what README says",
    /CodeRange|memory/.test(said),
    said,
  );
  await claimSuccess(
    world,
    "the archive -jitless serves",
    client,
    serves("/host/jitless/rpc.statd"),
  );
  await client.run("sysctl -qw vm.overcommit_memory=0; systemctl start rpc-statd");
}

export const PACKAGE: Scenarios = {
  "the package is installed while a lock is held": installed,
  "the server loses its power": serverLosesPower,
  "the server is restarted": serverRestarts,
  "the client loses its power": clientLosesPower,
  "targets are isolated": isolated,
  "the server has a state directory of its own": ownStateDirectory,
  "Debian's rpcbind is restarted": debianRpcbindRestarts,
  "rpcbind of the product is started by its sockets": ownRpcbind,
  "little memory may be committed": littleMemory,
};
