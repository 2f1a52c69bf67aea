/**
 * Foreign programs that drive nfs-utils drive ours, with equal exit statuses (realworld F2, field
 * 1): Pacemaker's agents nfsnotify and nfsserver, CTDB's 60.nfs and statd-callout, Debian's init
 * script, start-stop-daemon, pidof. Each runs start, monitor and stop three times, on a host with
 * Debian's programs and on one with ours.
 */

import { assertEquals } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { DRIVERS, layerUsr } from "../support/layered_usr.ts";
import { mon } from "../support/nsm_calls.ts";
import { ask, STATD_PORT } from "../support/statd.ts";
import { DEBIAN_SM_NOTIFY, DEBIAN_STATD, systemTest } from "../support/system_test.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";

const AGENTS = "/usr/lib/ocf/resource.d/heartbeat";
const NEEDS = [
  DEBIAN_STATD,
  DEBIAN_SM_NOTIFY,
  "/etc/init.d/nfs-common",
  "/usr/bin/killall",
  "/usr/bin/pgrep",
  `${DRIVERS}${AGENTS}/nfsnotify`,
];
const ROUNDS = 3;

/** Runs a shell script on a host whose files of /usr may be replaced. */
type Run = (script: string) => Promise<number>;

/** Exit statuses of each step of each round, with Debian's programs and with ours. */
async function compare(
  newHost: () => Promise<TestHost>,
  rounds: (run: Run, host: TestHost) => Promise<void>,
): Promise<void> {
  const [debians, ours] = await Promise.all([false, true].map(async (isOurs) => {
    const host = await newHost();
    await layerUsr(host, DRIVERS, isOurs);
    await host.startRpcbind();
    const seen: string[] = [];
    await rounds(async (script) => {
      const { code, stdout } = await host.run("sh", "-c", script);
      seen.push(`${script}: ${code}${stdout.startsWith("=") ? ` ${stdout.trim()}` : ""}`);
      return code;
    }, host);
    return seen;
  }));
  assertEquals(ours, debians);
}

/** Waits until rpcbind has, or lacks, the status monitor. */
const UP =
  "timeout 60 sh -c 'until rpcinfo -u 127.0.0.1 100024 >/dev/null 2>&1; do sleep 0.1; done'";
const DOWN = "timeout 60 sh -c 'while pidof rpc.statd >/dev/null; do sleep 0.1; done'";
/** Number of living processes with a name; a zombie only waits for its parent. */
const COUNT = (name: string) => `echo "= $(ps -C ${name} -o stat= | grep -cv '^Z')"`;

const agent = (name: string, action: string) =>
  `export OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=it OCF_RESOURCE_TYPE=${name} ` +
  `OCF_RESOURCE_PROVIDER=heartbeat HA_LOGFILE=/dev/null HA_RSCTMP=/run/ocf OCF_RESKEY_nfs_init_script=/run/nfs-server ` +
  `OCF_RESKEY_nfs_shared_infodir=/run/shared OCF_RESKEY_nfs_notify_retry_time=1; mkdir -p /run/ocf; ` +
  `exec ${AGENTS}/${name} ${action} >/dev/null 2>&1`;

/** Unreachable peer, which keeps sm-notify running. */
const SILENT =
  "echo '0100007f 000186b5 00000003 00000010 00000000000000000000000000000000 192.0.2.9 me' " +
  ">/var/lib/nfs/sm/192.0.2.9; chown --reference=/var/lib/nfs/sm /var/lib/nfs/sm/192.0.2.9; " +
  "ip route replace blackhole 192.0.2.0/24";

systemTest(
  "realworld F2: Pacemaker's nfsnotify starts, monitors and stops as with Debian's programs",
  NEEDS,
  async (newHost) => {
    await compare(newHost, async (run) => {
      await run("rpc.statd -L");
      await run(UP);
      for (let round = 1; round <= ROUNDS; round++) {
        await run(SILENT);
        await run(agent("nfsnotify", "monitor"));
        await run(agent("nfsnotify", "start"));
        await run(COUNT("rpc.statd"));
        await run(agent("nfsnotify", "monitor"));
        await run(agent("nfsnotify", "stop"));
        await run(COUNT("rpc.statd"));
        await run(UP);
      }
    });
  },
);

systemTest(
  "realworld F2: a program identified by its file is stopped alone",
  NEEDS,
  async (newHost) => {
    await compare(newHost, async (run) => {
      await run("rpc.statd -L");
      await run(UP);
      for (
        const stop of [
          "killall -TERM /usr/sbin/sm-notify",
          "start-stop-daemon --stop --quiet --retry 5 --exec /usr/sbin/sm-notify",
          "kill $(busybox pidof sm-notify)",
        ]
      ) {
        await run(SILENT);
        await run("sm-notify -f");
        await run(stop);
        await run("timeout 60 sh -c 'while pidof sm-notify >/dev/null; do sleep 0.1; done'");
        await run(COUNT("rpc.statd"));
        await run(UP);
      }
      await run("start-stop-daemon --stop --quiet --retry 10 --exec /sbin/rpc.statd");
      await run(DOWN);
    });
  },
);

systemTest("Debian's init script starts, shows and stops ours", NEEDS, async (newHost) => {
  await compare(newHost, async (run) => {
    const script = (action: string) =>
      `NEED_IDMAPD=no NEED_GSSD=no /etc/init.d/nfs-common ${action} >/dev/null 2>&1`;
    for (let round = 1; round <= ROUNDS; round++) {
      await run(script("status"));
      await run(script("start"));
      await run(UP);
      await run(script("status"));
      await run(script("start"));
      await run(COUNT("rpc.statd"));
      await run(script("stop"));
      await run(DOWN);
      await run(script("stop"));
    }
  });
});

/** Stand-in of the kernel's NFS server. */
const SERVER = `#!/bin/sh
case $1 in
  start) touch /run/serving ;;
  stop) rm -f /run/serving ;;
  status) [ -e /run/serving ] || exit 3 ;;
esac
`;

systemTest(
  "Pacemaker's nfsserver starts, monitors and stops as with Debian's programs",
  NEEDS,
  async (newHost) => {
    await compare(newHost, async (run, host) => {
      await host.write("/run/nfs-server", SERVER);
      await host.output("chmod", "755", "/run/nfs-server");
      for (let round = 1; round <= ROUNDS; round++) {
        await run(agent("nfsserver", "monitor"));
        await run(agent("nfsserver", "start"));
        await run(agent("nfsserver", "monitor"));
        await run(COUNT("rpc.statd"));
        await run(agent("nfsserver", "stop"));
        await run(COUNT("rpc.statd"));
      }
    });
  },
);

/**
 * Stand-in of the cluster's daemon: one node with one address, and a database in a file, whose last
 * line counts.
 */
const CTDB = `#!/bin/sh
case $* in
  pnn) echo 0 ;;
  "ip -X") printf '|Public IP|Node|\\n|127.0.0.1|0|\\n' ;;
  "ip" | "ip all") printf 'Public IPs\\n127.0.0.1 0\\n' ;;
  "ptrans ctdb.tdb") cat >>/run/ctdb.tdb ;;
  "catdb ctdb.tdb")
    awk '{ value[$1] = $2 } END { for (key in value) if (value[key] != "\\"\\"") print "key(1) = " key }' /run/ctdb.tdb ;;
esac
`;
/** Stand-in of the init script of an NFS server that starts its status monitor. */
const SERVICE = `#!/bin/sh
case $2 in
  start) pidof rpc.statd >/dev/null || exec rpc.statd -L -p ${STATD_PORT} ;;
  stop) killall -q rpc.statd; timeout 60 sh -c 'while pidof rpc.statd; do sleep 0.1; done' ;;
esac
`;
/** Key of a client in CTDB's database. */
const keyOf = (client: string) =>
  `/run/ctdb/scripts/service/nfs/statd-callout/statd-state@127.0.0.1@${client}`;

const event = (name: string, ...args: string[]) =>
  "CTDB_BASE=/etc/ctdb CTDB_NFS_DISTRO_STYLE=sysvinit-debian CTDB_NFS_SKIP_SHARE_CHECK=yes " +
  `CTDB_NFS_CHECKS_DIR=/run/checks exec /usr/share/ctdb/events/legacy/60.nfs.script ${name} ` +
  `${args.join(" ")} >>/run/60.nfs.log 2>&1`;
const until = (condition: string) => `timeout 60 sh -c 'until ${condition}; do sleep 0.1; done'`;

async function prepareCtdb(host: TestHost): Promise<void> {
  await host.output("cp", "-a", `${DRIVERS}/etc/ctdb`, "/etc/ctdb");
  await host.output("sed", "-i", "s|/var/lib/ctdb|/run/ctdb|", "/etc/ctdb/functions");
  await host.output("mkdir", "/run/checks");
  await host.output("cp", "/etc/ctdb/nfs-checks.d/10.status.check", "/run/checks/");
  await host.write("/usr/bin/ctdb", CTDB);
  await host.write("/usr/sbin/service", SERVICE);
  await host.output("chmod", "755", "/usr/bin/ctdb", "/usr/sbin/service");
  await host.write("/etc/default/nfs-kernel-server", `STATDOPTS="-L -p ${STATD_PORT}"\n`);
  // The callout needs root. It cannot become root by sudo, with either program: the bounding set is
  // empty.
  await host.output("chown", "-R", "root", STATE_DIRECTORY);
  await host.write(
    "/etc/nfs.conf",
    "[statd]\nname = localhost\nha-callout = /etc/ctdb/statd-callout\n",
  );
}

systemTest(
  "CTDB's 60.nfs and its statd-callout start, monitor, fail over and stop as with Debian's",
  [...NEEDS, `${DRIVERS}/usr/libexec/ctdb/smnotify`],
  async (newHost) => {
    await compare(newHost, async (run, host) => {
      await prepareCtdb(host);
      const agent = new Agent(host);
      for (let round = 1; round <= ROUNDS; round++) {
        const client = `127.0.0.${round}`;
        const key = keyOf(client);
        await run(event("startup"));
        await run(UP);
        await run(event("monitor"));
        // The callout creates the client's key, which the next monitor event moves to the database.
        await ask(agent, mon({ monName: client }));
        await run(until(`[ -s ${key} ]`));
        await run(event("monitor"));
        await run(`[ ! -e ${key} ] && grep -q '@${client}" "[1-9]' /run/ctdb.tdb`);
        // Every second failure restarts the daemon.
        await run("killall -9 rpc.statd");
        await run(DOWN);
        await run(event("monitor"));
        await run(event("monitor"));
        await run(UP);
        await run(event("monitor"));
        // Restarts the service, tells the client, and removes it from the database, in the
        // background.
        await run(event("takeip", "lo", "127.0.0.1", "8"));
        await run(event("ipreallocated"));
        await run(until(`tail -n 1 /run/ctdb.tdb | grep -q "@${client}. ..$"`));
        await run(UP);
        await run(event("releaseip", "lo", "127.0.0.1", "8"));
        await run(event("monitor"));
        await run(event("shutdown"));
        await run(COUNT("rpc.statd"));
      }
    });
  },
);
