/**
 * Foreign programs: NFS servers register with Debian's rpcbind and with ours, and clients ask. All
 * output and all exit statuses must be equal.
 */

import { assert, assertEquals } from "@std/assert";
import { GANESHA, ganeshaConfig, ganeshaEnvironment, startGanesha } from "../support/ganesha.ts";
import { SERVERS } from "../support/layered_usr.ts";
import { type Ended, TestHost } from "../support/namespace.ts";
import { eventually } from "../support/patience.ts";
import { DEBIAN_RPCBIND, type NewHost, OUR_RPCBIND, systemTest } from "../support/system_test.ts";

const MOUNTD = `${SERVERS}/usr/sbin/rpc.mountd`;
const RQUOTAD = `${SERVERS}/usr/sbin/rpc.rquotad`;
const RPCINFO = "/usr/sbin/rpcinfo";
const SHOWMOUNT = "/usr/sbin/showmount";
const BOTH = [DEBIAN_RPCBIND, OUR_RPCBIND];

const ETAB = "/srv\t10.0.0.0/8(ro,sync,secure,root_squash,no_subtree_check,sec=sys,ro)\n";
const RMTAB = "10.9.0.9:/srv:0x00000001\n";

/** Host with an rpcbind, and a transcript of the commands run in it. */
class Stage {
  readonly transcript: [command: string, ended: Ended][] = [];

  constructor(readonly host: TestHost) {}

  static async open(newHost: NewHost, rpcbind: string): Promise<Stage> {
    const etc = { "ganesha.conf": ganeshaConfig() };
    const host = await newHost({ addresses: ["10.9.0.1/24", "fd99::1/64"], etc });
    await host.write("/var/lib/nfs/etab", ETAB);
    await host.write("/var/lib/nfs/rmtab", RMTAB);
    await host.startRpcbind(rpcbind, "-w");
    return new Stage(host);
  }

  start(...command: string[]) {
    return this.host.start("env", ganeshaEnvironment(), ...command);
  }

  /** Waits until a service has made its last registration. */
  async isServed(program: number, version: number): Promise<void> {
    await eventually(`${program} is served`, async () => {
      for (const [netid, address] of [["udp", "127.0.0.1"], ["tcp6", "::1"]]) {
        const asked = ["-T", netid!, address!, String(program), String(version)];
        if ((await this.host.run(RPCINFO, ...asked)).code !== 0) return false;
      }
      return true;
    });
  }

  /** Runs commands; entries of services that start together may come in any order. */
  async run(...commands: readonly (readonly string[])[]): Promise<void> {
    for (const command of commands) {
      const ended = await this.host.run(...command);
      const stdout = ended.stdout.split("\n").sort().join("\n");
      this.transcript.push([command.join(" "), { ...ended, stdout }]);
    }
  }
}

/** Plays a scene with both programs, whose transcripts must be equal. Returns ours. */
async function played(
  newHost: NewHost,
  play: (stage: Stage) => Promise<void>,
): Promise<Map<string, Ended>> {
  const [debian, ours] = await Promise.all(BOTH.map(async (rpcbind) => {
    const stage = await Stage.open(newHost, rpcbind);
    await play(stage);
    return stage.transcript;
  }));
  assertEquals(ours, debian);
  return new Map(ours);
}

const LISTS = [[RPCINFO, "-p"], [RPCINFO, "-s"], [RPCINFO], [RPCINFO, "-p", "10.9.0.1"]];

systemTest("rpc.mountd, rpc.rquotad and showmount work with our rpcbind", [
  ...BOTH,
  MOUNTD,
  RQUOTAD,
  RPCINFO,
  SHOWMOUNT,
], async (newHost) => {
  const transcript = await played(newHost, async (stage) => {
    const mountd = stage.start(MOUNTD, "-F", "-p", "20048");
    const rquotad = stage.start(RQUOTAD, "-F", "-p", "30001");
    await stage.isServed(100005, 3);
    await stage.isServed(100011, 2);
    await stage.run(
      ...LISTS,
      [SHOWMOUNT, "-e", "127.0.0.1"],
      [SHOWMOUNT, "-e", "::1"],
      [SHOWMOUNT, "-a", "127.0.0.1"],
      [SHOWMOUNT, "-d", "10.9.0.1"],
      [RPCINFO, "-l", "127.0.0.1", "100005", "3"],
      [RPCINFO, "-u", "127.0.0.1", "100011"],
      [RPCINFO, "-t", "127.0.0.1", "100005"],
      [RPCINFO, "-T", "udp6", "::1", "100005", "1"],
      [RPCINFO, "-d", "100011", "1"],
      [RPCINFO, "-u", "127.0.0.1", "100011", "1"],
      [SHOWMOUNT, "-e", "fd99::1"],
    );
    assertEquals([await mountd.stop(), await rquotad.stop()], [0, 0]);
    await stage.run(...LISTS);
  });
  assertEquals(transcript.get(`${SHOWMOUNT} -e ::1`)?.code, 0);
});

systemTest("ganesha works with our rpcbind", [...BOTH, GANESHA, RPCINFO, SHOWMOUNT], async (
  newHost,
) => {
  const transcript = await played(newHost, async (stage) => {
    const ganesha = startGanesha(stage.host);
    for (const [program, version] of [[100003, 3], [100005, 3], [100021, 4], [100011, 2]]) {
      await stage.isServed(program!, version!);
    }
    await stage.run(
      ...LISTS,
      [SHOWMOUNT, "-e", "127.0.0.1"],
      [RPCINFO, "-u", "127.0.0.1", "100021", "4"],
      [RPCINFO, "-T", "tcp6", "::1", "100003", "3"],
    );
    assertEquals(await ganesha.stop(), 0);
    await stage.run(...LISTS);
  });
  assert(transcript.get(`${SHOWMOUNT} -e 127.0.0.1`)?.stdout.includes("/x"));
});

/** Time for answers, in s; rpcinfo itself waits four times as long. */
const BROADCAST_S = 3;

systemTest("nobody answers a broadcast: calls are not forwarded", [...BOTH, RPCINFO], async (
  newHost,
) => {
  await Promise.all(BOTH.map(async (rpcbind) => {
    const [host, client] = await Promise.all([newHost(), newHost()]);
    await TestHost.join(
      { host, addresses: ["10.8.0.1/24"] },
      { host: client, addresses: ["10.8.0.2/24"] },
    );
    await host.startRpcbind(rpcbind, "-w");
    await eventually("the client reaches rpcbind", async () => {
      return (await client.run(RPCINFO, "-T", "udp", "10.8.0.1", "100000", "4")).code === 0;
    });
    const { stdout } = await client.run(
      "timeout",
      String(BROADCAST_S),
      RPCINFO,
      "-b",
      "100000",
      "2",
    );
    assertEquals(stdout, "");
  }));
});
