/**
 * The table of `nsmctl doctor`: faults are planted one after the other in a host that is well, each is
 * found and nothing else, and the command lines that doctor prints are run. They mend just that fault:
 * afterwards doctor finds nothing, the health is good, and as many peers are monitored on disk as before.
 * Where no command line can mend a fault, the row says what a person does (`byHand`).
 *
 * operator D1, D6, D13, D14, and section 2 of what was found.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type FindingName, FINDINGS } from "../../lib/doctor/finding.ts";
import { notify } from "../support/nsm_calls.ts";
import { OUR_FOLDER, OUR_NSMCTL } from "../support/nsmctl_host.ts";
import {
  DROP_INS,
  edit,
  FAKES,
  type Found,
  FULL_NAME,
  healthyHosts,
  HOSTS,
  hostsFile,
  makeWorld,
  NAME,
  NEEDS,
  NOBODY,
  offMemory,
  onMemory,
  OWN,
  PEERS,
  statdConf,
  STATE,
  type Step,
  type World,
} from "../support/doctor_world.ts";
import { eventually, inTime, PATIENCE_MS } from "../support/patience.ts";
import {
  DEBIAN_STATD,
  type NewHost,
  OUR_SM_NOTIFY,
  OUR_STATD,
  systemTest,
} from "../support/system_test.ts";

/** Entries besides records in each list: the root of a file system, and a whiteout of overlayfs. */
const NO_RECORDS = [`${STATE}/sm/lost+found`, `${STATE}/sm.bak/lost+found`];
const DEVICE = `${STATE}/sm/whiteout`;

/** Lock manager in the background that answers every call. */
const LOCK_MANAGER = `
import os, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 0))
r = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
r.bind(("127.0.0.1", 999))
for version in (1, 3, 4):
    head = struct.pack(">10I", version, 0, 2, 100000, 2, 1, 0, 0, 0, 0)
    r.sendto(head + struct.pack(">4I", 100021, version, 17, s.getsockname()[1]), ("127.0.0.1", 111))
    r.recv(100)
for fd in (1, 2): os.dup2(os.open("/dev/null", os.O_RDWR), fd)
while True:
    call, sender = s.recvfrom(9000)
    s.sendto(call[:4] + struct.pack(">5I", 1, 0, 0, 0, 0), sender)
`;

interface Fault {
  readonly finding: FindingName;
  readonly title: string;
  /** Plants the fault in a healthy host. */
  readonly plant: Step;
  /** Further findings caused by the planting. */
  readonly beside?: readonly FindingName[];
  /** Completion of a line by a person before running it. */
  readonly filledIn?: (command: string) => string;
  /** Action of a person where doctor has words only. */
  readonly byHand?: Step;
  /** Whether doctor has no command lines, as for what is outside of this host's shell. */
  readonly hasWordsOnly?: true;
  /** Lines that only show something; run before. */
  readonly shows?: RegExp;
  /** Restores what planting the fault changed. */
  readonly after?: Step;
  /** Number of files that the remedy takes off the monitor list, as announced. */
  readonly forgotten?: number;
  readonly args?: readonly string[];
  /** Whether the remedy differs with systemd, and is tried there too. */
  readonly isOtherWithSystemd?: true;
  /** Whether a look at the health mends it, as the daemon registers again. */
  readonly isMendedByStatus?: true;
}

/** Defines an identity with a directory as its ledger. */
const plantLedger: Step = async (world) => {
  await world.sh("mkdir -p /run/ledger; chown statd /run/ledger");
  const identity = '[identity "vip1"]\naddresses=10.99.0.8\nledger=directory:/run/ledger\n';
  await edit("/etc/nfs.conf", `${statdConf("")}${identity}`)(world);
};
const removeLedger: Step = async (world) => {
  await edit("/etc/nfs.conf", statdConf(""))(world);
  await world.sh("rm -r /run/ledger");
};

const FAULTS: readonly Fault[] = [
  {
    finding: "reboot-not-told",
    title: "nobody ran sm-notify after the boot",
    plant: ({ sh }) => sh(`rm -f /run/sm-notify.*; touch -d '-3 years' ${STATE}/sm/*`),
    isOtherWithSystemd: true,
  },
  {
    finding: "state-directory-missing",
    title: "the notify list is removed",
    plant: ({ sh }) => sh(`rm -r ${STATE}/sm.bak`),
  },
  {
    finding: "state-directory-missing",
    title: "the monitor list is removed",
    plant: ({ sh }) => sh(`rm -r ${STATE}/sm`),
  },
  {
    finding: "state-directory-hidden",
    title: "a disk is mounted over the state directory",
    plant: ({ sh }) => sh(`mount -t tmpfs none ${STATE}`),
  },
  {
    finding: "state-owner-differs",
    title: "the notify list is given to root",
    plant: ({ sh }) => sh(`chown root ${STATE}/sm.bak`),
  },
  {
    finding: "state-owner-differs",
    title: "both lists are given to root under a running daemon",
    plant: ({ sh }) => sh(`chown root ${STATE}/sm ${STATE}/sm.bak`),
  },
  {
    finding: "state-owner-root",
    title: "the daemon was started with lists of root's",
    plant: async (world) => {
      await world.stopStatd();
      await world.sh(`chown -R root ${STATE}/sm ${STATE}/sm.bak`);
      await world.startStatd();
    },
    filledIn: (command) => command.replace("-R root ", "-R statd "),
    isOtherWithSystemd: true,
  },
  {
    finding: "state-not-writable",
    title: "the state directory is remounted read-only",
    plant: ({ host }) => host.output("mount", "-o", "remount,bind,ro", STATE),
  },
  {
    finding: "state-not-writable",
    title: "the owner may not write to the monitor list",
    plant: ({ sh }) => sh(`chmod 500 ${STATE}/sm`),
  },
  {
    finding: "state-not-writable",
    title: "the monitor list is immutable",
    plant: ({ sh }) => sh(`chattr +i ${STATE}/sm`),
    shows: /^[^ ]*i[^ ]* .*\/sm$/m,
    byHand: ({ sh }) => sh(`chattr -i ${STATE}/sm`),
  },
  {
    finding: "state-not-writable",
    title: "the notify list is immutable",
    plant: ({ sh }) => sh(`chattr +i ${STATE}/sm.bak`),
    shows: /^[^ ]*i[^ ]* .*\/sm\.bak$/m,
    byHand: ({ sh }) => sh(`chattr -i ${STATE}/sm.bak`),
  },
  {
    finding: "state-not-writable",
    title: "nobody but root may pass the state directory",
    plant: ({ sh }) => sh(`chmod 700 ${STATE}`),
  },
  {
    finding: "state-not-writable",
    title: "nobody but root may pass the state directory, which is of statd's group",
    plant: ({ sh }) => sh(`chgrp --reference=${STATE}/sm ${STATE}; chmod 700 ${STATE}`),
    after: ({ sh }) => sh(`chgrp root ${STATE}`),
  },
  {
    finding: "state-on-tmpfs",
    title: "the state directory is in memory",
    plant: onMemory("8m"),
    byHand: offMemory,
  },
  {
    finding: "disk-full",
    title: "the disk is full",
    plant: async (world) => {
      await onMemory("1m")(world);
      await world.sh(`! dd if=/dev/zero of=${STATE}/fill bs=1k 2>/dev/null`);
    },
    beside: ["state-on-tmpfs"],
    shows: /fill/,
    byHand: offMemory,
  },
  {
    finding: "disk-full",
    title: "the disk has no inodes",
    plant: async (world) => {
      await onMemory("1m")(world);
      await world.sh(
        `mount -o remount,nr_inodes=$(echo $(df --output=iused ${STATE} | tail -1)) ${STATE}`,
      );
    },
    beside: ["state-on-tmpfs"],
    shows: /var\/lib\/nfs/,
    byHand: offMemory,
  },
  {
    finding: "state-number-even",
    title: "the state number is even",
    plant: async (world) => {
      await edit(`${STATE}/state`, new Uint8Array(Int32Array.of(4).buffer))(world);
      await edit("/proc/sys/fs/nfs/nsm_local_state", "5")(world); // statd ignores the file
    },
  },
  {
    finding: "state-number-doubtful",
    title: "the state number is a text",
    plant: edit(`${STATE}/state`, "         7\n"),
    beside: ["local-state-differs"],
    after: async (world) => {
      await world.sh(`rm -f ${STATE}/state ${STATE}/.state`);
      await world.restartStatd();
    },
  },
  {
    finding: "state-number-lost",
    title: "a directory is in the place of the state number",
    plant: ({ sh }) => sh(`mv ${STATE}/state /run/state && mkdir ${STATE}/state`),
    byHand: ({ sh }) => sh(`rmdir ${STATE}/state && cp -a /run/state ${STATE}/state`),
  },
  {
    finding: "state-number-lost",
    title: "the daemon may not read the state number",
    plant: ({ sh }) => sh(`chmod 000 ${STATE}/state`),
  },
  {
    finding: "records-missing",
    title: "a record is deleted under a running daemon",
    plant: ({ sh }) => sh(`rm ${STATE}/sm/${PEERS[0]}`),
    isOtherWithSystemd: true,
  },
  {
    finding: "records-owner",
    title: "a record belongs to root, beside what is no record",
    plant: ({ sh }) =>
      sh(
        `chown root ${STATE}/sm/${PEERS[0]}; mkdir ${NO_RECORDS.join(" ")}; mknod ${DEVICE} c 0 0`,
      ),
    after: async ({ sh }) => {
      assertEquals(await sh(`stat -c %u ${NO_RECORDS.join(" ")} ${DEVICE} | uniq`), "0\n");
      await sh(`rmdir ${NO_RECORDS.join(" ")}; rm ${DEVICE}`);
    },
  },
  {
    finding: "records-owner",
    title: "a record was restored as root while no daemon ran",
    plant: async (world) => {
      await world.stopStatd();
      await world.sh(`chown root ${STATE}/sm/${PEERS[0]}`);
    },
    beside: ["statd-not-running"],
  },
  {
    finding: "records-damaged",
    title: "a record holds something else",
    plant: ({ sh }) => sh(`echo garbage > ${STATE}/sm/${PEERS[0]}`),
    isOtherWithSystemd: true,
  },
  {
    finding: "records-damaged",
    title: "a file of the monitor list has other lines too, and no daemon knows the record",
    plant: async (world) => {
      await world.stopStatd();
      await world.sh(`echo garbage >> ${STATE}/sm/${PEERS[0]}`);
    },
    beside: ["statd-not-running"],
  },
  {
    finding: "records-damaged",
    title: "a file of the notify list has other lines too",
    plant: async ({ it, sh }) => {
      await it.putRecord("sm.bak", PEERS[0]!, FULL_NAME);
      await sh(
        `cd ${STATE}/sm.bak && { echo garbage; cat ${PEERS[0]}; } > /run/both && cat /run/both > ${
          PEERS[0]
        }`,
      );
    },
    beside: ["notify-list-left"],
  },
  {
    finding: "records-stale",
    title: "an old record is about a host that is no more",
    plant: async (world) => {
      await world.stopStatd();
      await world.it.putRecord("sm", "gone.example.net", FULL_NAME);
      await world.sh(`touch -d '-40 days' ${STATE}/sm/gone.example.net`);
      await world.startStatd();
    },
    filledIn: (command) => `${command} --yes`, // no terminal to ask on
    forgotten: 1,
  },
  {
    finding: "records-unknown",
    title: "a record is put there under a running daemon",
    plant: ({ it }) => it.putRecord("sm", "10.99.9.4", FULL_NAME),
    after: (world) => world.release("10.99.9.4", { version: 3 }),
    isOtherWithSystemd: true,
  },
  {
    finding: "clock-implausible",
    title: "a record was written by a clock without a battery",
    plant: ({ sh }) => sh(`touch -d 1970-01-02 ${STATE}/sm/${PEERS[0]}`),
  },
  {
    finding: "clock-implausible",
    title: "a record is from the future",
    plant: ({ sh }) => sh(`touch -d '+3 years' ${STATE}/sm/${PEERS[1]}`),
  },
  {
    finding: "notify-list-left",
    title: "a peer was never told",
    plant: ({ it }) => it.putRecord("sm.bak", PEERS[1]!, FULL_NAME),
  },
  {
    finding: "notify-stopped",
    title: "sm-notify is stopped by a signal",
    plant: async ({ it, sh, host }) => {
      await it.putRecord("sm.bak", NOBODY, FULL_NAME);
      await host.output(OUR_SM_NOTIFY, "-f", "--only", NOBODY);
      await sh("pkill -STOP -x sm-notify");
    },
    after: ({ sh }) => sh(`pkill -x sm-notify; rm -f ${STATE}/sm.bak/* ${STATE}/sm.bak/.run`),
  },
  {
    finding: "rpcbind-missing",
    title: "rpcbind has ended",
    plant: ({ sh }) => sh("pid=$(pgrep -x rpcbind); kill $pid; tail --pid=$pid -f /dev/null"),
    isOtherWithSystemd: true,
  },
  {
    finding: "rpcbind-silent",
    title: "rpcbind is stopped",
    plant: ({ sh }) => sh("pkill -STOP -x rpcbind"),
  },
  {
    finding: "rpcbind-unreachable",
    title: "rpcbind listens on loopback alone",
    plant: async ({ sh }) => {
      await sh("pid=$(pgrep -x rpcbind); kill $pid; tail --pid=$pid -f /dev/null");
      await sh(`${OUR_FOLDER}/rpcbind -w -h 127.0.0.1 </dev/null >/dev/null 2>&1`);
      await eventually(
        "statd has registered",
        async () => (await sh("rpcinfo -p 127.0.0.1")).includes("100024"),
      );
    },
  },
  {
    finding: "rpcbind-unreachable",
    title: "a packet filter keeps loopback from rpcbind",
    plant: ({ sh }) =>
      sh(
        "nft add table inet rules; nft add chain inet rules in '{ type filter hook input priority 0; }'\n" +
          "nft add rule inet rules in iifname lo meta l4proto '{ tcp, udp }' th dport 111 drop",
      ),
    shows: /dport 111 drop/,
    byHand: ({ sh }) => sh("nft delete table inet rules"),
  },
  {
    finding: "hosts-deny-loopback",
    title: "everybody is kept from rpcbind",
    beside: ["hosts-deny-peers"],
    plant: edit("/etc/hosts.deny", "rpcbind: ALL\n"),
    after: async (world) => {
      await edit("/etc/hosts.deny", "")(world);
      await edit("/etc/hosts.allow", "")(world);
    },
  },
  {
    finding: "hosts-deny-loopback",
    title: "everybody is kept from rpcbind, and the last line of hosts.allow has no end",
    beside: ["hosts-deny-peers"],
    plant: async (world) => {
      await edit("/etc/hosts.deny", "rpcbind: ALL\n")(world);
      await edit("/etc/hosts.allow", "sshd: 10.")(world);
    },
    after: async (world) => {
      assertMatch(await world.sh("cat /etc/hosts.allow"), /^sshd: 10\.\n/);
      await edit("/etc/hosts.deny", "")(world);
      await edit("/etc/hosts.allow", "")(world);
    },
  },
  {
    finding: "hosts-deny-peers",
    title: "the network of the peers is kept out",
    plant: edit("/etc/hosts.deny", "statd: 10.99.9.\n"),
    after: async (world) => {
      await edit("/etc/hosts.deny", "")(world);
      await edit("/etc/hosts.allow", "")(world);
    },
  },
  {
    finding: "hosts-deny-peers",
    title: "everybody but this host is kept out, by name",
    plant: edit("/etc/hosts.deny", "statd: ALL EXCEPT localhost\n"),
    after: async (world) => {
      await edit("/etc/hosts.deny", "")(world);
      await edit("/etc/hosts.allow", "")(world);
    },
  },
  {
    finding: "statd-not-running",
    title: "statd was stopped",
    plant: (world) => world.stopStatd(),
    isOtherWithSystemd: true,
  },
  {
    finding: "statd-not-running",
    title: "statd was killed, and its pid file is left",
    plant: ({ sh }) =>
      sh("pid=$(cat /run/rpc.statd.pid); kill -KILL $pid; tail --pid=$pid -f /dev/null"),
    isOtherWithSystemd: true,
  },
  {
    finding: "statd-silent",
    title: "statd is stopped by a signal",
    plant: ({ sh }) => sh("kill -STOP $(cat /run/rpc.statd.pid)"),
  },
  {
    finding: "statd-silent",
    title: "the control socket is removed",
    plant: ({ sh }) => sh(`rm ${STATE}/.statd.sock`),
    isOtherWithSystemd: true,
  },
  {
    finding: "state-directory-missing",
    title: "all of the state directory is removed under a running daemon",
    plant: ({ sh }) => sh(`rm -rf ${STATE}/* ${STATE}/.statd.sock`),
    beside: ["statd-silent"],
    isOtherWithSystemd: true,
  },
  {
    finding: "statd-silent",
    title: "a packet filter keeps loopback out",
    plant: ({ sh }) =>
      sh(
        "nft add table inet rules; nft add chain inet rules in '{ type filter hook input priority 0; }'\n" +
          "nft add rule inet rules in iifname lo udp dport 4050 drop",
      ),
    shows: /udp dport 4050 drop/,
    byHand: ({ sh }) => sh("nft delete table inet rules"),
  },
  {
    finding: "statd-other-namespace",
    title: "statd runs in another network namespace",
    plant: async (world) => {
      await world.stopStatd();
      await world.sh("unshare --net sh -c 'ip link set lo up; exec rpc.statd --no-notify'");
    },
  },
  {
    finding: "statd-not-registered",
    title: "somebody takes the registration away",
    plant: ({ host }) => host.output("rpcinfo", "-d", "100024", "1"),
    isOtherWithSystemd: true,
    isMendedByStatus: true,
  },
  {
    finding: "statd-not-registered",
    title: "another program is in our place",
    plant: async (world) => {
      await world.host.output("rpcinfo", "-d", "100024", "1");
      await world.another().serve({ program: 100024, versions: [1] });
    },
    isOtherWithSystemd: true,
  },
  {
    finding: "statd-other-directory",
    title: "nsmctl is told of another directory",
    plant: ({ sh }) => sh(`cd ${STATE} && mkdir other && cp -a sm sm.bak state other`),
    args: ["-P", `${STATE}/other`],
    after: ({ sh }) => sh(`rm -r ${STATE}/other`),
  },
  {
    finding: "statd-other-user",
    title: "statd never was root, as in a pod",
    shows: /^Up +\d+ s$/m,
    plant: async (world) => {
      await world.stopStatd();
      await world.sh(
        `chown -R --reference=${STATE}/sm ${STATE}; user=$(stat -c %u ${STATE}); ` +
          "setpriv --reuid=$user --regid=$user --clear-groups --inh-caps=+net_bind_service " +
          "--ambient-caps=+net_bind_service rpc.statd --no-notify",
      );
    },
    after: async (world) => {
      await world.sh(
        "pid=$(pgrep -x rpc.statd); kill $pid; tail --pid=$pid -f /dev/null; " +
          `chown root ${STATE}`,
      );
      await world.startStatd();
    },
    args: ["-P", STATE],
  },
  {
    finding: "statd-other-program",
    title: "Debian's statd runs in place of ours",
    plant: async (world) => {
      await world.stopStatd();
      await world.host.output(DEBIAN_STATD, "--no-notify");
    },
    isOtherWithSystemd: true,
  },
  {
    finding: "statd-not-running",
    title: "no statd runs, but Debian's in a container with a network of its own",
    plant: async (world) => {
      await world.stopStatd();
      await world.sh(
        "unshare --net --mount sh -c 'ip link set lo up; mount -t tmpfs none /run\n" +
          `mount -t tmpfs none ${STATE}; mkdir ${STATE}/sm ${STATE}/sm.bak\n` +
          `rpcbind -w; ${DEBIAN_STATD} --no-notify; cat /run/rpc.statd.pid' > /run/other`,
      );
    },
    after: ({ sh }) => sh("kill -0 $(cat /run/other); kill -KILL $(cat /run/other)"),
  },
  {
    finding: "statd-limits",
    title: "statd in a container may open few files, and its process has another id here",
    beside: ["pid-file-wrong"], // the folder of pid files is shared
    plant: async (world) => {
      await world.stopStatd();
      await world.sh(
        "unshare --pid --fork --mount sh -c 'mount -t proc none /proc\n" +
          "exec prlimit --nofile=100 rpc.statd -F --no-notify' > /dev/null 2>&1 &\n" +
          "until rpcinfo -t 127.0.0.1 100024 > /dev/null 2>&1; do :; done",
      );
    },
    byHand: (world) =>
      world.sh("pkill -x rpc.statd; until ! pgrep -x rpc.statd; do :; done; rpc.statd --no-notify"),
  },
  {
    finding: "statd-degraded",
    title: "the endpoint for metrics cannot be had",
    plant: async (world) => {
      await edit("/etc/nfs.conf", statdConf("metrics=192.0.2.1:9100\n"))(world);
      await world.restartStatd();
    },
    byHand: async (world) => {
      await edit("/etc/nfs.conf", statdConf(""))(world);
      await world.restartStatd();
    },
  },
  {
    finding: "statd-replaced",
    title: "the program was replaced while it runs",
    plant: async (world) => {
      await world.stopStatd();
      await world.sh(
        `cp ${OUR_STATD} /var/tmp/old.$$ && mkdir -p ${FAKES}/old && ` +
          `mv /var/tmp/old.$$ ${FAKES}/old/rpc.statd`,
      );
      await world.sh(`${FAKES}/old/rpc.statd --no-notify; rm -r ${FAKES}/old`);
    },
    isOtherWithSystemd: true,
  },
  {
    finding: "statd-limits",
    title: "few files may be open",
    plant: async (world) => {
      await world.stopStatd();
      await world.sh("ulimit -n 64; rpc.statd --no-notify");
    },
  },
  {
    finding: "port-taken",
    title: "another program has the port",
    plant: async (world) => {
      await world.stopStatd();
      await world.another().serve({ program: 0, port: 4050, isRegistered: false });
    },
    after: async (world) => {
      await world.sh(`rm -r ${DROP_INS}`);
      await world.stopStatd();
      await world.sh("fuser -k 4050/udp 2>/dev/null || kill $(pgrep -n deno)");
      await world.startStatd();
    },
    isOtherWithSystemd: true,
  },
  {
    finding: "pid-file-wrong",
    title: "the pid file names another process",
    plant: ({ sh }) => sh("echo 1 > /run/rpc.statd.pid"),
  },
  {
    finding: "log-nowhere",
    title: "there is no system log",
    plant: (world) => world.stopLog(),
    byHand: (world) => world.startLog(),
  },
  {
    finding: "own-address-filtered",
    title: "an own address leads nowhere",
    plant: ({ sh }) =>
      sh(
        "ip address add 10.99.0.7/32 dev lo; ip route del local 10.99.0.7 table local\n" +
          "ip route add blackhole 10.99.0.7 table local",
      ),
    shows: /^/,
    byHand: ({ sh }) =>
      sh("ip route del blackhole 10.99.0.7 table local; ip address del 10.99.0.7/32 dev lo"),
  },
  {
    finding: "own-address-gone",
    title: "a service address is gone",
    plant: async (world) => {
      await world.sh("ip address add 10.99.0.8/32 dev lo");
      await edit("/etc/nfs.conf", statdConf("listen-addresses=10.99.0.8\n"))(world);
      await world.restartStatd();
      await world.sh("ip address del 10.99.0.8/32 dev lo");
    },
    after: async (world) => {
      await edit("/etc/nfs.conf", statdConf(""))(world);
      await world.restartStatd();
      await world.sh("ip address del 10.99.0.8/32 dev lo");
    },
  },
  {
    finding: "identity-not-held",
    title: "an address came without its identity",
    plant: async (world) => {
      await world.sh(`mkdir /run/ledger; chown statd /run/ledger`);
      const identity = '[identity "vip1"]\naddresses=10.99.0.8\nledger=directory:/run/ledger\n';
      await edit("/etc/nfs.conf", `${statdConf("")}${identity}`)(world);
      await world.sh("ip address add 10.99.0.8/32 dev lo");
    },
    after: async (world) => {
      await world.sh("nsmctl identity release vip1; nsmctl identity remove vip1");
      await edit("/etc/nfs.conf", statdConf(""))(world);
      await world.sh("ip address del 10.99.0.8/32 dev lo; rm -r /run/ledger");
    },
  },
  {
    finding: "identity-taken",
    title: "another node took an identity, and this one was not rebooted",
    plant: async (world) => {
      await world.sh(`mkdir /run/ledger; chown statd /run/ledger`);
      const identity = '[identity "vip1"]\naddresses=10.99.0.8\nledger=directory:/run/ledger\n';
      await edit("/etc/nfs.conf", `${statdConf("")}${identity}`)(world);
      await world.sh(
        "nsmctl identity acquire vip1; cp -a /run/ledger/epoch.1 /run/ledger/epoch.2; " +
          `sed -i 's/"node":"[^"]*"/"node":"other"/; s/"epoch":1/"epoch":2/' /run/ledger/epoch.2/owner`,
      );
    },
    after: async (world) => {
      await world.sh("nsmctl identity remove vip1; rm -r /run/ledger");
      await edit("/etc/nfs.conf", statdConf(""))(world);
    },
  },
  {
    finding: "identity-faulty",
    title: "a key of an identity is mistyped",
    plant: edit(
      "/etc/nfs.conf",
      `${
        statdConf("")
      }[identity "vip1"]\nnames=vip1\nadresses=10.99.0.8\nledger=directory:/run/none\n`,
    ),
    after: edit("/etc/nfs.conf", statdConf("")),
  },
  {
    finding: "identity-faulty",
    title: "a key of an identity has a character that is special in a command line",
    plant: edit(
      "/etc/nfs.conf",
      `${
        statdConf("")
      }[identity "vip1"]\nnames=vip1\naddresses/=10.99.0.8\nledger=directory:/run/none\n`,
    ),
    after: edit("/etc/nfs.conf", statdConf("")),
  },
  {
    finding: "ledger-unreachable",
    title: "no member of etcd answers",
    plant: edit(
      "/etc/nfs.conf",
      `${statdConf("")}[identity "vip1"]\naddresses=10.99.0.8\nledger=etcd\n` +
        "[etcd]\nendpoints=http://127.0.0.1:1\n",
    ),
    byHand: edit("/etc/nfs.conf", statdConf("")),
  },
  {
    finding: "ledger-not-usable",
    title: "the ledger is read-only for the daemon",
    plant: async (world) => {
      await plantLedger(world);
      await world.stopStatd();
      const mounts = "mount --bind /run/ledger /run/ledger; mount -o remount,bind,ro /run/ledger";
      await world.sh(`unshare -m sh -c '${mounts}; rpc.statd --no-notify'`);
    },
    after: removeLedger,
  },
  {
    finding: "ledger-not-usable",
    title: "the ledger is read-only in the container of the daemon",
    beside: ["pid-file-wrong"], // the folder of pid files is shared
    hasWordsOnly: true,
    plant: async (world) => {
      await plantLedger(world);
      await world.stopStatd();
      await world.sh(
        "unshare --pid --fork --mount sh -c 'mount -t proc none /proc\n" +
          "mount --bind /run/ledger /run/ledger; mount -o remount,bind,ro /run/ledger\n" +
          "exec rpc.statd -F --no-notify' > /dev/null 2>&1 &\n" +
          "until rpcinfo -t 127.0.0.1 100024 > /dev/null 2>&1; do :; done",
      );
    },
    byHand: (world) =>
      world.sh("pkill -x rpc.statd; until ! pgrep -x rpc.statd; do :; done; rpc.statd --no-notify"),
    after: removeLedger,
  },
  {
    finding: "ledger-not-usable",
    title: "the daemon does not see the file system of the ledger",
    plant: async (world) => {
      await world.stopStatd();
      await world.sh("unshare -m --propagation private rpc.statd --no-notify");
      await world.sh("mkdir /run/ledger && mount -t tmpfs none /run/ledger");
      await plantLedger(world);
    },
    after: async (world) => {
      await world.sh("umount /run/ledger");
      await removeLedger(world);
    },
  },
  {
    finding: "port-ephemeral",
    title: "the port is in the range of random ones",
    plant: async (world) => {
      // A connection or a server of this host may have drawn one of these ports.
      await world.sh(
        'for port in 40000 41000 42000; do ss -Htuan "sport = :$port" | grep -q . || break; done; ' +
          'printf "[statd]\\nport=%s\\n" $port >/etc/nfs.conf',
      );
      await world.restartStatd();
    },
    after: async (world) => {
      await edit("/etc/nfs.conf", statdConf(""))(world);
      await world.restartStatd();
    },
  },
  {
    finding: "lockd-not-registered",
    title: "the lock manager is gone from rpcbind",
    plant: ({ sh }) => sh("for v in 1 3 4; do rpcinfo -d 100021 $v; done"),
    byHand: ({ it }) => it.agent.serve(),
  },
  {
    finding: "lockd-no-module",
    title: "the kernel knows no lock manager",
    plant: ({ sh }) =>
      sh(
        "for v in 1 3 4; do rpcinfo -d 100021 $v; done; mkdir /run/kept\n" +
          "cp -a /proc/sys/fs/nfs /proc/fs/lockd /run/kept; rm -r /proc/sys/fs/nfs /proc/fs/lockd",
      ),
    after: ({ sh }) => sh("rm -r /run/kept"),
    byHand: async ({ it, sh }) => {
      await sh("cp -a /run/kept/nfs /proc/sys/fs; cp -a /run/kept/lockd /proc/fs"); // as modprobe does
      await it.agent.serve();
    },
  },
  {
    finding: "loopback-missing",
    title: "the loopback interface is down",
    plant: ({ sh }) => sh("ip link set lo down"),
    beside: ["name-elsewhere"], // the own address belongs to it in this host
  },
  {
    finding: "loopback-missing",
    title: "the loopback interface has lost its address",
    plant: ({ sh }) => sh("ip address del 127.0.0.1/8 dev lo"),
  },
  {
    finding: "lockd-silent",
    title: "the lock manager is stopped",
    plant: async ({ host, sh }) => {
      await host.write("/run/lockd.py", LOCK_MANAGER);
      await sh("for v in 1 3 4; do rpcinfo -d 100021 $v; done; python3 /run/lockd.py </dev/null &");
      await eventually(
        "it has registered",
        async () => (await sh("rpcinfo -p 127.0.0.1")).includes("100021"),
      );
      await sh("pkill -STOP -f /run/lockd.p[y]");
    },
    after: async ({ it, sh }) => {
      await sh("pkill -f /run/lockd.p[y]; for v in 1 3 4; do rpcinfo -d 100021 $v; done");
      await it.agent.serve();
    },
  },
  {
    finding: "local-state-differs",
    title: "the kernel has an old number",
    plant: edit("/proc/sys/fs/nfs/nsm_local_state", "1"),
  },
  {
    finding: "name-unresolvable",
    title: "the own name is in no list",
    plant: edit("/etc/hosts", hostsFile("")),
    filledIn: (command) => command.replace(/ (\S+)' >>/, ` ${FULL_NAME} $1' >>`),
    after: healthyHosts,
  },
  {
    finding: "name-unresolvable",
    title: "the own name is that of a kernel that was given none",
    plant: edit("/etc/nfs.conf", statdConf("name=(none)\n")),
    byHand: edit("/etc/nfs.conf", statdConf("")),
  },
  {
    finding: "name-service-silent",
    title: "the name server takes questions and does not answer",
    plant: async (world) => {
      const address = "127.0.0.53";
      const at = { program: 0, address, port: 53, conduct: "silent", isRegistered: false } as const;
      await world.another().serve(at);
      await edit("/etc/hosts", hostsFile(""))(world);
      await edit("/etc/nsswitch.conf", "hosts: files dns\n")(world);
      await edit("/etc/resolv.conf", `nameserver ${address}\noptions timeout:1 attempts:1\n`)(
        world,
      );
    },
    filledIn: (command) => command.replace(/ (\S+)' >>/, ` ${FULL_NAME} $1' >>`),
    after: async (world) => {
      await healthyHosts(world);
      await edit("/etc/nsswitch.conf", "hosts: files\npasswd: files\ngroup: files\n")(world);
      await edit("/etc/resolv.conf", "")(world);
    },
  },
  {
    finding: "name-service-silent",
    title: "the name service does not read /etc/hosts",
    plant: edit("/etc/nsswitch.conf", "hosts: nosuchmodule\npasswd: files\ngroup: files\n"),
    after: edit("/etc/nsswitch.conf", "hosts: files\npasswd: files\ngroup: files\n"),
  },
  {
    finding: "name-not-qualified",
    title: "the own name has no domain",
    plant: edit("/etc/hosts", hostsFile(`10.99.0.1 ${NAME} ${FULL_NAME}`)),
    after: healthyHosts,
  },
  {
    finding: "name-reverse-mismatch",
    title: "the own address has another host's name",
    plant: edit("/etc/hosts", hostsFile(`10.99.0.1 other.example.net\n${OWN}`)),
    after: healthyHosts,
  },
  {
    finding: "name-elsewhere",
    title: "the own name stands for an address of another host",
    plant: edit("/etc/hosts", hostsFile(`192.0.2.7 ${FULL_NAME} ${NAME}`)),
    after: healthyHosts,
  },
  {
    finding: "name-elsewhere",
    title: "the own name stands in the line of another host, in a file without a last end of line",
    plant: edit(
      "/etc/hosts",
      hostsFile(`192.0.2.7 files\n192.0.2.7 srv.example.net ${FULL_NAME} ${NAME} # of us`)
        .trimEnd(),
    ),
    after: async (world) => {
      const hosts = await world.sh("cat /etc/hosts");
      assertMatch(hosts, /^192\.0\.2\.7 files$/m);
      assertMatch(hosts, /^192\.0\.2\.7 srv\.example\.net # of us$/m);
      await healthyHosts(world);
    },
  },
  {
    finding: "name-changed",
    title: "the host was renamed",
    plant: (world) => world.monitor(PEERS[0]!, { myName: "before.example.net" }),
    after: async (world) => {
      await world.release(PEERS[0]!, { myName: "before.example.net" });
      await healthyHosts(world);
    },
  },
  {
    finding: "peers-without-address",
    title: "the name of a peer means nothing any more",
    plant: async (world) => {
      await world.monitor("client3.example.net");
      await eventually(
        "the address of client3 is known",
        async () => (await world.it.run("list", "client3.example.net")).stdout.includes(PEERS[2]!),
      );
      await edit("/etc/hosts", hostsFile(OWN, HOSTS.slice(0, 2)))(world);
    },
    filledIn: (command) => command.replace("ADDRESS", PEERS[2]!),
    after: async (world) => {
      await world.release("client3.example.net");
      await healthyHosts(world);
    },
  },
  {
    finding: "peers-unreachable",
    title: "no route leads to the peers",
    plant: ({ sh }) => sh("ip link set cable down"),
    shows: /^/,
    byHand: ({ sh }) => sh("ip link set cable up"),
  },
  {
    finding: "peers-other-family",
    title: "IPv6 is switched off, and a peer has nothing else",
    plant: async (world) => {
      await world.monitor("fd00:99::9");
      await world.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
    },
    after: async (world) => {
      await world.release("fd00:99::9");
    },
    isOtherWithSystemd: true,
  },
  {
    finding: "notices-doubtful",
    title: "somebody says that a peer has rebooted",
    plant: async (world) => {
      await world.call(notify(PEERS[0]!, 77), { address: "10.99.0.1" });
      await eventually(
        "the notice is judged",
        async () => (await world.it.run("status")).stdout.includes("doubtful"),
      );
    },
    after: async (world) => {
      await world.sh(`rm -r ${DROP_INS}`);
      await world.restartStatd();
    },
    isOtherWithSystemd: true,
  },
  {
    finding: "callout-unusable",
    title: "the callout is not there",
    plant: async (world) => {
      await edit("/etc/nfs.conf", statdConf("ha-callout=/run/no-callout\n"))(world);
      await world.restartStatd();
    },
    after: async (world) => {
      await edit("/etc/nfs.conf", statdConf(""))(world);
      await world.restartStatd();
    },
    isOtherWithSystemd: true,
  },
  {
    finding: "callout-unusable",
    title: "the callout may not be executed",
    plant: async (world) => {
      await edit("/run/callout", "#!/bin/sh\n")(world);
      await edit("/etc/nfs.conf", statdConf("ha-callout=/run/callout\n"))(world);
      await world.sh("chmod 644 /run/callout");
      await world.restartStatd();
    },
    after: async (world) => {
      await edit("/etc/nfs.conf", statdConf(""))(world);
      await world.restartStatd();
    },
  },
  {
    finding: "callout-unusable",
    title: "the callout of the command line is not there",
    plant: (world) => world.restartStatd("-H", "/run/no-callout"),
    byHand: async (world) => {
      await edit("/run/no-callout", "#!/bin/sh\n")(world);
      await world.sh("chmod 755 /run/no-callout");
    },
    after: (world) => world.restartStatd(),
  },
  {
    finding: "statd-degraded",
    title: "the callout has failed",
    plant: async (world) => {
      await edit("/run/callout", "#!/bin/sh\n! grep -qs fail /run/callout.mode\n")(world);
      await world.sh("chmod 755 /run/callout; echo fail > /run/callout.mode");
      await world.restartStatd("-H", "/run/callout");
      await world.monitor(PEERS[2]!, { version: 3 });
    },
    byHand: async (world) => {
      await world.sh("rm /run/callout.mode");
      await world.release(PEERS[2]!, { version: 3 });
    },
    after: (world) => world.restartStatd(),
  },
  {
    finding: "config-faulty",
    title: "a setting has a bad value",
    plant: edit("/etc/nfs.conf", statdConf("tcp=perhaps\n")),
    isOtherWithSystemd: true,
  },
  {
    finding: "config-faulty",
    title: "a key is mistyped",
    plant: edit("/etc/nfs.conf", statdConf("notify-source-chek=warn\n")),
    after: edit("/etc/nfs.conf", statdConf("")),
  },
  {
    finding: "config-faulty",
    title: "a section is mistyped",
    plant: edit("/etc/nfs.conf", "[stat]\nport=4050\n"),
    after: edit("/etc/nfs.conf", statdConf("")),
  },
  {
    finding: "settings-not-in-effect",
    title: "the port was changed, and statd not restarted",
    plant: edit("/etc/nfs.conf", "[statd]\nport=4055\n"),
    after: async (world) => {
      await edit("/etc/nfs.conf", statdConf(""))(world);
      await world.restartStatd();
    },
    isOtherWithSystemd: true,
  },
  {
    finding: "settings-not-in-effect",
    title: "the ports of lockd were changed, and lockd runs on",
    plant: edit("/etc/nfs.conf", statdConf("[lockd]\nport=4051\nudp-port=4052\n")),
    byHand: edit("/etc/nfs.conf", statdConf("")), // a reboot restarts the kernel's lockd
  },
  {
    finding: "config-faulty",
    title: "the state directory in nfs.conf is not there, and a key is mistyped",
    plant: edit("/etc/nfs.conf", statdConf("state-directory-path=/nonexist\nprot=4050\n")),
    args: ["-P", STATE],
    after: edit("/etc/nfs.conf", statdConf("")),
  },
  {
    finding: "unit-masked",
    title: "the unit of rpcbind is masked",
    plant: ({ sh }) =>
      sh(
        "mkdir -p /etc/systemd/system /run/systemd/system\n" +
          "ln -sf /dev/null /etc/systemd/system/rpcbind.service",
      ),
    after: ({ sh }) => sh("[ -e /run/with-systemd ] || rm -r /run/systemd"),
  },
];

/** Planted errors that only doctor looks for: the daemon has no part in them, or works without. */
const SEEN_BY_DOCTOR: readonly string[] = [
  "a record belongs to root, beside what is no record",
  "sm-notify is stopped by a signal",
  "rpcbind listens on loopback alone",
];

const STATUS = { error: 4, warning: 1, note: 0 } as const;

/** Plants a fault, finds it, runs its remedy, and checks that the host is healthy again. @throws {Error} */
async function tryFault(fault: Fault, world: World): Promise<string> {
  const { finding, plant, beside = [], filledIn = String, byHand, shows, after, args = [] } = fault;
  await plant(world);
  const before = world.monitoredOnDisk() || PEERS.length;
  const health = fault.isMendedByStatus ? undefined : await world.it.run("status", "-q");
  const { code, findings } = await world.doctor(...args);
  const isFailing = FINDINGS[finding] === "error" && !SEEN_BY_DOCTOR.includes(fault.title);
  if (isFailing && health !== undefined) assert(health.code !== 0, "status says it as well");
  const names = findings.map(({ name }) => name).filter((name) =>
    !beside.includes(name as FindingName)
  );
  assertEquals(names, [finding], JSON.stringify(findings, null, 1));
  const statuses = findings.map(({ name }) => STATUS[FINDINGS[name as FindingName]]);
  assertEquals(code, Math.max(...statuses));
  const commands = findings.filter(({ name }) => byHand === undefined || name === finding)
    .flatMap(({ commands }) => commands);
  assert(commands.length > 0 || byHand !== undefined, "there is no remedy");
  if (fault.hasWordsOnly) assertEquals(commands, []);
  let printed = "";
  if (shows !== undefined) printed = await world.sh(`set +e\n${commands.join("\n")}\ntrue`);
  else if (byHand === undefined) await world.sh(commands.map(filledIn).join("\n"));
  if (shows !== undefined) assert(shows.test(printed), `${commands} printed ${printed}`);
  await byHand?.(world);
  let last = "";
  if (args.length === 0) {
    await eventually(`doctor finds nothing: ${finding}`, async () => {
      const { findings } = await world.doctor();
      if (findings.length > 0) last = JSON.stringify(findings);
      return findings.length === 0;
    }).catch((error) => {
      throw new Error(`${commands.join("\n")}\nleft ${last}`, { cause: error });
    });
  }
  const left = world.monitoredOnDisk();
  const expected = Math.max(before, PEERS.length) - (fault.forgotten ?? 0);
  assertEquals(left, expected, "peers monitored on disk");
  await after?.(world);
  return `${byHand === undefined ? "remedy run" : "mended by hand"}, status ${
    health?.code ?? "mends it"
  }`;
}

/** Time limit for one fault, in ms: restarts and several runs of doctor, each with its own timeout. */
const ROW_MS = 4 * PATIENCE_MS;

/** Tries faults one after the other; a failure replaces the host. */
async function tryAll(faults: readonly Fault[], isSystemd: boolean, newHost: NewHost) {
  const table: string[] = [];
  const failures: string[] = [];
  for (let rest = faults; rest.length > 0;) {
    await using resources = new AsyncDisposableStack();
    const world = await makeWorld(newHost, resources);
    if (isSystemd) await world.sh("mkdir -p /run/systemd/system; touch /run/with-systemd");
    assertEquals((await world.doctor()).findings, [], "doctor finds nothing at first");
    while (rest.length > 0) {
      const [fault, ...others] = rest;
      rest = others;
      const began = performance.now();
      const row = `${fault!.finding.padEnd(24)} ${fault!.title}`;
      try {
        const outcome = await inTime(row, tryFault(fault!, world), ROW_MS);
        table.push(`${row}: found, ${outcome} (${Math.round(performance.now() - began)} ms)`);
      } catch (error) {
        failures.push(`${row}: ${error instanceof Error ? error.message : error}`);
        break;
      }
    }
  }
  return { table, failures };
}

for (const isSystemd of [false, true]) {
  const where = isSystemd ? "with systemd" : "without systemd";
  const title = `doctor finds every planted fault, and its remedy mends it, ${where}`;
  systemTest(title, [...NEEDS, "/usr/bin/chattr"], async (newHost) => {
    const only = Deno.env.get("FAULT")?.split(",");
    const faults = FAULTS.filter((one) => !isSystemd || one.isOtherWithSystemd)
      .filter(({ finding }) => only === undefined || only.includes(finding));
    const { table, failures } = await tryAll(faults, isSystemd, newHost);
    const run = table.filter((row) => row.includes("remedy run")).length;
    // deno-lint-ignore no-console -- the table is what the test is for
    console.log(
      `${table.join("\n")}\n${where}: ${table.length} found, ${run} by their own command lines`,
    );
    assertEquals(failures, []);
  });
}

/** Healthy set-up. */
interface Healthy {
  readonly title: string;
  readonly setUp?: Step;
  readonly conf?: string;
  /** Starts statd; by default in the background. */
  readonly start?: Step;
  readonly after?: Step;
  /** Command that runs doctor. */
  readonly as?: readonly string[];
  /** Expected notes, which are no alarms. */
  readonly notes?: readonly FindingName[];
}

const HEALTHY: readonly Healthy[] = [
  { title: "no systemd" },
  {
    title: "systemd",
    setUp: ({ sh }) => sh("mkdir -p /run/systemd/system"),
    after: ({ sh }) => sh("rm -r /run/systemd"),
  },
  { title: "udp = no", conf: statdConf("udp=no\n") },
  { title: "tcp = no", conf: statdConf("tcp=no\n") },
  { title: "listen-addresses", conf: statdConf("listen-addresses=10.99.9.254\n") },
  {
    title: "-n of a service address",
    setUp: ({ sh }) => sh("ip address add 10.99.0.20/32 dev lo"),
    conf: statdConf("name=10.99.0.20\n"),
    after: ({ sh }) => sh("ip address del 10.99.0.20/32 dev lo"),
  },
  {
    title: "an identity that is held with its address, and one that is neither here",
    setUp: ({ sh }) =>
      sh("mkdir /run/ledger; chown statd /run/ledger; ip address add 10.99.0.20/32 dev lo"),
    conf: statdConf(
      '[identity "here"]\naddresses=10.99.0.20\nledger=directory:/run/ledger\n' +
        '[identity "there"]\naddresses=10.99.0.21\nledger=directory:/run/other\n',
    ),
    start: async (world) => {
      await world.startStatd();
      await world.sh("nsmctl identity acquire here");
    },
    after: ({ sh }) =>
      sh(
        "nsmctl identity release here; nsmctl identity remove here; rm -r /run/ledger; " +
          "ip address del 10.99.0.20/32 dev lo",
      ),
  },
  { title: "any port", conf: "" },
  { title: "another port", conf: "[statd]\nport=662\n" },
  {
    title: "IPv4 only",
    setUp: ({ sh }) => sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1"),
    after: async ({ sh }) => {
      await sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=0");
      await sh("ip address add fd00:99::1/64 dev cable nodad 2>/dev/null || :");
    },
  },
  {
    title: "IPv6 only",
    setUp: async (world) => {
      await world.sh("ip address del 10.99.9.254/24 dev cable; ip address del 10.99.0.1/32 dev lo");
      await world.sh(`rm -f ${STATE}/sm/10.*`);
      await edit("/etc/hosts", hostsFile(`fd00:99::1 ${FULL_NAME} ${NAME}`, []))(world);
    },
    after: async (world) => {
      await world.sh("ip address add 10.99.9.254/24 dev cable; ip address add 10.99.0.1/32 dev lo");
      await healthyHosts(world);
    },
  },
  {
    title: "behind NAT: our address is not the one that peers see",
    setUp: edit("/etc/hosts", hostsFile(`10.99.9.254 ${FULL_NAME} ${NAME}`, [])),
    after: healthyHosts,
  },
  {
    title: "a container: no log, no service manager, in the foreground",
    setUp: (world) => world.stopLog(),
    start: async ({ host }) => {
      await host.start(OUR_STATD, "-F", "--no-notify").line(/Ready\./);
    },
    after: (world) => world.startLog(),
  },
  {
    title: "a read-only system: /usr and /etc",
    start: async (world) => {
      await world.sh(
        "mount --bind /usr /usr; for d in /usr /etc; do mount -o remount,bind,ro $d; done",
      );
      await world.startStatd();
    },
    after: ({ sh }) => sh("umount -l /usr; mount -o remount,bind,rw /etc"),
  },
  {
    title: "a user without privileges",
    as: ["setpriv", "--reuid=65534", "--clear-groups"],
    notes: ["not-root"],
  },
  {
    title: "lists on file systems of their own",
    setUp: ({ sh }) => sh(`mkdir -m 700 ${STATE}/sm/lost+found ${STATE}/sm.bak/lost+found`),
    after: ({ sh }) => sh(`rmdir ${STATE}/sm*/lost+found`),
  },
  {
    title: "lists that are links of root's to another disk",
    setUp: ({ sh }) =>
      sh(`mv ${STATE}/sm ${STATE}/elsewhere; ln -s ${STATE}/elsewhere ${STATE}/sm`),
    after: async (world) => {
      await world.stopStatd();
      await world.sh(`rm ${STATE}/sm; mv ${STATE}/elsewhere ${STATE}/sm`);
      await world.startStatd();
    },
  },
  {
    title: "the name on 127.0.1.1, as Debian's installer puts it",
    setUp: edit("/etc/hosts", hostsFile(`127.0.1.1 ${FULL_NAME} ${NAME}`)),
    after: healthyHosts,
  },
  {
    title: "everybody is kept out but this host and the networks that are named",
    setUp: async (world) => {
      await edit("/etc/hosts.deny", "ALL: ALL\n")(world);
      const networks = "127. [::1] 10.99. [fd00:99::]/32";
      await edit("/etc/hosts.allow", `statd rpcbind: ${networks}\n`)(world);
    },
    after: async (world) => {
      await edit("/etc/hosts.deny", "")(world);
      await edit("/etc/hosts.allow", "")(world);
    },
  },
  {
    title: "a port on the command line",
    start: (world) => world.startStatd("-p", "4060", "-o", "4061"),
  },
  {
    title: "settings of all programs of nfs-utils in one file",
    conf:
      "[general]\npipefs-directory=/run/rpc_pipefs\n[exportfs]\ndebug=0\n[nfsd]\nvers3=y\nport=2049\n" +
      "udp=y\n[mountd]\nmanage-gids=y\n[gssd]\nuse-memcache=0\n[lockd]\ndebug=0\n" +
      "[statd]\nport=4050\noutgoing-port=4053\n[sm-notify]\nretry-time=900\n[svcgssd]\nprincipal=\n",
  },
  {
    title: "the directory of Fedora",
    setUp: ({ sh }) =>
      sh(
        `mkdir -p /var/lib/nfs/statd && cp -a ${STATE}/sm ${STATE}/sm.bak /var/lib/nfs/statd`,
      ),
    conf: statdConf("state-directory-path=/var/lib/nfs/statd\n"),
    after: async (world) => {
      await world.stopStatd();
      await world.sh("rm -r /var/lib/nfs/statd");
      await edit("/etc/nfs.conf", statdConf(""))(world);
      await world.startStatd();
    },
  },
  {
    title: "metrics, a group that may look, and both checks of notices enforced",
    conf: statdConf(
      "metrics=127.0.0.1:9632\nstatus-group=adm\nnotify-source-check=enforce\nnotify-state-check=enforce\n",
    ),
  },
  {
    title: "a callout that works",
    setUp: async (world) => {
      await edit("/run/callout", "#!/bin/sh\n")(world);
      await world.sh("chmod 755 /run/callout");
    },
    conf: statdConf("ha-callout=/run/callout\n"),
  },
  {
    title: "an identity that another node holds",
    conf: statdConf("") +
      '[identity "vip1"]\nnames = nfs1.example.net\naddresses = 10.99.0.50\nledger = directory:/srv/none\n',
  },
  {
    title: "one of the peers is switched off",
    setUp: ({ it }) => it.putRecord("sm", NOBODY, FULL_NAME),
    after: (world) => world.release(NOBODY, { version: 3 }),
  },
  {
    title: "a network that is prepared and has no cable",
    setUp: ({ sh }) =>
      sh(
        "ip link add spare type veth peer name loose; ip address add 10.97.0.1/24 dev spare; ip link set spare down",
      ),
    after: ({ sh }) => sh("ip link del spare"),
  },
  {
    title: "NFS version 4 alone: neither a status monitor nor rpcbind runs",
    setUp: ({ sh }) =>
      sh(`rm -f ${STATE}/sm/*; pid=$(pgrep -x rpcbind); kill $pid; tail --pid=$pid -f /dev/null`),
    start: () => {},
    after: async (world) => {
      await world.sh("rpcbind -w");
      await world.startStatd();
    },
  },
  {
    title: "an idle host before its first mount",
    setUp: ({ sh }) =>
      sh(
        `rm -f ${STATE}/sm/*; for v in 1 3 4; do rpcinfo -d 100021 $v; done\n` +
          "rm -r /proc/sys/fs/nfs /proc/fs/lockd",
      ),
  },
];

/** Takes a step of a set-up; a failure names the set-up. */
async function named(title: string, step: () => Promise<unknown>): Promise<void> {
  try {
    await step();
  } catch (error) {
    throw new Error(`${title}: ${error instanceof Error ? error.message : error}`);
  }
}

systemTest("doctor is silent on healthy set-ups", NEEDS, async (newHost) => {
  await using resources = new AsyncDisposableStack();
  const world = await makeWorld(newHost, resources);
  const alarms: string[] = [];
  for (const { title, setUp, conf = statdConf(""), start, after, as = [], notes = [] } of HEALTHY) {
    await named(title, async () => {
      await world.stopStatd();
      await setUp?.(world);
      await edit("/etc/nfs.conf", conf)(world);
      await (start ?? (() => world.startStatd()))(world);
    });
    const { stdout, stderr, code } = await world.host.run(...as, OUR_NSMCTL, "doctor", "--json");
    assertEquals([stderr, code], ["", 0], `${title}: ${stdout}`);
    const { findings } = JSON.parse(stdout) as { findings: Found[] };
    const found = findings.filter(({ name }) => !notes.includes(name as FindingName));
    if (found.length > 0) alarms.push(`${title}: ${JSON.stringify(found)}`);
    await named(title, async () => await after?.(world));
  }
  // deno-lint-ignore no-console -- the figure is what the test is for
  console.log(`${HEALTHY.length - alarms.length} of ${HEALTHY.length} healthy set-ups silent`);
  assertEquals(alarms, []);
});

systemTest("doctor -v prints the result of each check", NEEDS, async (newHost) => {
  await using resources = new AsyncDisposableStack();
  const world = await makeWorld(newHost, resources);
  const { code, stdout } = await world.it.run("doctor", "-v");
  assertEquals(code, 0);
  const lines = stdout.trimEnd().split("\n");
  assertEquals(lines.pop(), "Nothing is wrong.");
  assert(lines.length > 40, stdout);
  for (const line of lines) assertMatch(line, /^(?:ok {7}|skipped {2}.* \(.+\)$)/);
});

systemTest(
  "doctor checks 5,000 records, and reports how many it skipped",
  NEEDS,
  async (newHost) => {
    await using resources = new AsyncDisposableStack();
    const world = await makeWorld(newHost, resources);
    await world.stopStatd();
    await world.sh(
      `cd ${STATE}/sm; for i in $(seq 5000); do\n` +
        `echo "0100007f 000186b5 00000004 00000010 ${
          "00".repeat(16)
        } host$i.example.net ${FULL_NAME}"` +
        " > host$i.example.net; done; chown --reference=. host*; chmod 600 host*; chown root host*9*",
    );
    const { findings } = await world.doctor();
    assertEquals(findings.map(({ name }) => name), ["records-owner", "statd-not-running"]);
    const [line] = findings[0]!.commands;
    assert(line!.length < 200, "a line that can be read");
    await world.sh(line!);
    await world.startStatd();
    const { stdout } = await world.it.run("doctor");
    assertMatch(stdout, /^WARNING peers-without-address$/m);
    assertMatch(stdout, /^ {8}… and 188 more lines like these: nsmctl doctor --json$/m);
    assertMatch(stdout, /\nNot looked at: 4800 of 5000 names of peers\.\n$/);
    assert(stdout.split("\n").length < 24, "a screen");
  },
);

systemTest(
  "doctor reports no fault for a peer that comes or goes meanwhile",
  NEEDS,
  async (newHost) => {
    await using resources = new AsyncDisposableStack();
    const world = await makeWorld(newHost, resources);
    let isGoingOn = true;
    const traffic = (async () => {
      for (let i = 0; isGoingOn; i = (i + 1) % 200) {
        await world.monitor(`10.99.9.${i + 20}`);
        await world.release(`10.99.9.${(i + 190) % 200 + 20}`);
      }
    })();
    try {
      for (let run = 0; run < 10; run++) {
        const { findings } = await world.doctor();
        const ofRecords = findings.filter(({ name }) => name.startsWith("records-"));
        assertEquals(ofRecords, []);
      }
    } finally {
      isGoingOn = false;
      await traffic;
    }
  },
);

/** Findings tested elsewhere: they take longer than a row of the table, or are no fault. */
const ELSEWHERE: readonly FindingName[] = [
  "not-root",
  "callbacks-waiting",
  "callout-hangs",
  "statd-failed",
];

Deno.test("every finding of doctor has a row in the table", { permissions: "none" }, () => {
  const tested = new Set<string>([...FAULTS.map(({ finding }) => finding), ...ELSEWHERE]);
  assertEquals(tested, new Set(Object.keys(FINDINGS)));
});
