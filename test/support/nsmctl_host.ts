/** Host for tests of nsmctl: state directory on a disk, a resolvable name, and no faults. */

import { Agent } from "./agent_client.ts";
import type { BackgroundProgram } from "./background_program.ts";
import type { Ended, HostOptions, TestHost } from "./namespace.ts";
import { DIST, type NewHost, OUR_NSMCTL, OUR_STATD } from "./system_test.ts";

/** Folder of our programs. */
export const OUR_FOLDER = DIST;
export { OUR_NSMCTL };

/** Address of the host, with a name. */
export const OWN_ADDRESS = "10.99.0.1";
/** Port of statd, outside of the range of random ports. */
export const STATD_PORT = 4050;

export class NsmctlHost {
  statd: BackgroundProgram | undefined;

  private constructor(readonly host: TestHost, readonly agent: Agent) {}

  /** Creates the host with rpcbind and a stand-in lock manager only. */
  static async create(
    newHost: NewHost,
    resources: AsyncDisposableStack,
    { hosts = [], ...options }: HostOptions = {},
  ): Promise<NsmctlHost> {
    const name = Deno.hostname();
    const own = `${OWN_ADDRESS} ${name}.example.net ${name}`;
    const host = await newHost({
      ...options,
      addresses: [`${OWN_ADDRESS}/32`, ...options.addresses ?? []],
      hosts: [own, ...hosts],
      etc: { "nfs.conf": `[statd]\nport=${STATD_PORT}\n`, ...options.etc },
    });
    const disk = await Deno.makeTempDir({ dir: "/var/tmp" });
    resources.defer(async () => {
      await host[Symbol.asyncDispose](); // no program writes to the disk any more
      await Deno.remove(disk, { recursive: true });
    });
    await host.output("chmod", "755", disk);
    await host.output("cp", "-a", "/var/lib/nfs/.", disk);
    await host.output("umount", "/var/lib/nfs");
    await host.output("mount", "--bind", disk, "/var/lib/nfs");
    await host.startRpcbind();
    const agent = new Agent(host);
    await agent.serve();
    return new NsmctlHost(host, agent);
  }

  /** Starts statd without sm-notify; waits until it serves. */
  async startStatd(...args: string[]): Promise<BackgroundProgram> {
    this.statd = this.host.start(OUR_STATD, "-F", "-d", "--no-notify", ...args);
    await this.statd.line(/Ready\./);
    return this.statd;
  }

  /** Runs nsmctl to its end. */
  readonly run = (...args: string[]): Promise<Ended> => this.host.run(OUR_NSMCTL, ...args);

  /** Writes a record like nfs-utils, as the owner of the directory. */
  async putRecord(list: "sm" | "sm.bak", monName: string, myName = "me.example.net") {
    const path = `/var/lib/nfs/${list}/${monName}`;
    await this.host.write(path, recordLine(monName, myName));
    await this.host.output("chown", `--reference=/var/lib/nfs/${list}`, path);
    await this.host.output("chmod", "600", path);
  }
}

/** Line of a record file. */
export function recordLine(monName: string, myName: string): string {
  const priv = "000102030405060708090a0b0c0d0e0f";
  return `0100007f 000186b5 00000003 00000010 ${priv} ${monName} ${myName}\n`;
}
