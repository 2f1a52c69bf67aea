/**
 * Throw-away host for black-box tests, with its own network, mounts and process ids by unshare(1).
 * Its /etc is a copy, its /run empty, and its /var/lib/nfs as shipped by Debian; files of the
 * kernel's lockd are replaced as well. All programs in a host end with the host, even if the test
 * is killed.
 *
 * Programs reach only the inside; the test reaches files inside through {@link TestHost.path}.
 */

import { BackgroundProgram, type Place } from "./background_program.ts";
import { eventually } from "./patience.ts";
import { isServingRpcbind } from "./rpcbind_socket.ts";

/** Options of a host. */
export interface HostOptions {
  /** Addresses of the loopback device besides 127.0.0.0/8 and ::1, such as `10.99.0.1/32`. */
  readonly addresses?: readonly string[];
  /** Networks of other hosts, such as `10.98.0.0/24`; programs inside may send from their addresses. */
  readonly strangers?: readonly string[];
  /** Lines of /etc/hosts besides those for localhost. No other name service is used. */
  readonly hosts?: readonly string[];
  /** Contents of further files below /etc, by name. */
  readonly etc?: Readonly<Record<string, string>>;
}

/** Outcome of a command. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Init script: makes the host, prints its process id outside of the namespace, and runs until its
 * input ends. Arguments are addresses, and `from:` with networks of strangers. The script ends by
 * waiting for a child, since process 1 must reap orphaned daemons.
 */
const INIT = `
set -e
read -r pid rest </proc/self/stat
mount -t tmpfs -o mode=755 none /run
cp -a /etc /run/etc
mount --bind /run/etc /etc
mount -t tmpfs -o mode=755 none /run
mount -t proc none /proc
mount -t tmpfs none /proc/sys/fs
mount -t tmpfs none /proc/fs
mkdir /proc/sys/fs/nfs /proc/fs/lockd
touch /proc/sys/fs/nfs/nsm_local_state /proc/sys/fs/nfs/nlm_tcpport /proc/sys/fs/nfs/nlm_udpport
touch /proc/fs/lockd/nlm_end_grace
mount -t tmpfs -o mode=755 none /var/lib/nfs
cd /var/lib/nfs
mkdir sm sm.bak
touch state
chown statd:nogroup sm sm.bak 2>/dev/null || chown nobody:nogroup sm sm.bak
chown --reference=sm state && chgrp root state
ip link set lo up
for given; do
  case $given in
  from:*)
    ip route add local "\${given#from:}" dev lo
    echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind
    ;;
  *) ip address add "$given" dev lo ;;
  esac
done
cd /
# Opened before the test goes on, which may take /dev away: the shell would make a file of that name.
exec 3>/dev/null
echo "$pid"
cat >&3
:
`;

/** Defaults for every machine: names come from /etc/hosts, and every host is admitted. */
const ETC: Readonly<Record<string, string>> = {
  "resolv.conf": "",
  "nsswitch.conf": ["passwd", "group", "hosts", "services", "rpc", "netgroup"]
    .map((database) => `${database}: files\n`).join(""),
  "hosts.allow": "",
  "hosts.deny": "",
  "nfs.conf": "",
};
const LOCALHOST = ["127.0.0.1 localhost", "::1 localhost ip6-localhost"];

/** State directory of a host. */
export const STATE_DIRECTORY = "/var/lib/nfs";

export class TestHost implements AsyncDisposable, Place {
  readonly #holder: Deno.ChildProcess;
  readonly #holderInput: WritableStreamDefaultWriter<Uint8Array>;
  readonly #holderPid: number;
  readonly #programs: BackgroundProgram[] = [];
  #disposed: Promise<void> | undefined;

  private constructor(
    holder: Deno.ChildProcess,
    input: WritableStreamDefaultWriter<Uint8Array>,
    pid: number,
  ) {
    this.#holder = holder;
    this.#holderInput = input;
    this.#holderPid = pid;
  }

  static async create(options: HostOptions = {}): Promise<TestHost> {
    const { addresses = [], strangers = [], hosts = [], etc = {} } = options;
    const own = ["--net", "--mount", "--pid", "--fork", "--kill-child"];
    const holder = new Deno.Command("unshare", {
      args: [
        ...own,
        "sh",
        "-c",
        INIT,
        "sh",
        ...addresses,
        ...strangers.map((each) => `from:${each}`),
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const input = holder.stdin.getWriter();
    const reader = holder.stdout.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    if (value === undefined) {
      await input.close().catch(() => {});
      throw new Error(`Cannot make a namespace: status ${(await holder.status).code}`);
    }
    const host = new TestHost(holder, input, Number(new TextDecoder().decode(value)));
    const texts = { ...ETC, hosts: [...LOCALHOST, ...hosts, ""].join("\n"), ...etc };
    for (const [name, content] of Object.entries(texts)) await host.write(`/etc/${name}`, content);
    return host;
  }

  /** Connects two hosts by a cable; its ends get addresses such as `10.98.0.1/24`. */
  static async join(
    ...ends: readonly [
      { readonly host: TestHost; readonly addresses: readonly string[] },
      { readonly host: TestHost; readonly addresses: readonly string[] },
    ]
  ): Promise<void> {
    const [one, other] = ends.map((
      { host },
    ) => ["name", "cable", "netns", String(host.#holderPid)]);
    const args = ["link", "add", ...one!, "type", "veth", "peer", ...other!];
    const { success, stderr } = await new Deno.Command("ip", { args }).output();
    if (!success) throw new Error(`Cannot join hosts: ${new TextDecoder().decode(stderr)}`);
    for (const { host, addresses } of ends) {
      // With a second address, of the kernel's choice, a call may have that address as its source.
      if (addresses.some((address) => address.startsWith("fe80:"))) {
        await host.output("ip", "link", "set", "cable", "addrgenmode", "none");
      }
      for (const address of addresses) {
        // Duplicate address detection takes seconds.
        const more = address.includes(":") ? ["nodad"] : [];
        await host.output("ip", "address", "add", address, "dev", "cable", ...more);
      }
      await host.output("ip", "link", "set", "cable", "up");
    }
  }

  /** Path of a host's file for the test. A link to an absolute path leads out of the host. */
  path(inside: string): string {
    return `/proc/${this.#holderPid}/root${inside}`;
  }

  /** Replaces a file. */
  async write(inside: string, content: string | Uint8Array): Promise<void> {
    const path = this.path(inside);
    await Deno.remove(path).catch(() => {}); // may be a link out of the host, or absent
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else await Deno.writeFile(path, content);
  }

  /**
   * Gives the host a `/dev` of its own, with nothing but `null`. It is moved into place complete: a
   * shell that opens a missing `/dev/null` makes a file of it.
   */
  async hideDevices(): Promise<void> {
    const aside = "/run/dev";
    const make = `mkdir ${aside} && mount -t tmpfs -o mode=755 none ${aside} && ` +
      `mknod -m 666 ${aside}/null c 1 3 && mount --move ${aside} /dev`;
    await this.output("sh", "-c", make);
  }

  /** Command that runs `command` in the host. */
  inside(command: readonly string[]): readonly string[] {
    // With --root: in a chroot, entering the mounts alone would leave the chroot.
    const own = ["--net", "--mount", "--pid", "--root", "--"];
    return ["nsenter", `--target=${this.#holderPid}`, ...own, ...command];
  }

  /** Runs a command to its end. */
  async run(...command: string[]): Promise<Ended> {
    const [program, ...args] = this.inside(command);
    const options = { args, env: { LC_ALL: "C" }, stdin: "null" } as const;
    const { code, stdout, stderr } = await new Deno.Command(program!, options).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /** Output of a command that must succeed. */
  async output(...command: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...command);
    if (code !== 0) throw new Error(`"${command.join(" ")}" ended with ${code}: ${stderr}`);
    return stdout;
  }

  /** Starts a program that runs until stopped, or until the host ends. */
  start(...command: string[]): BackgroundProgram {
    return this.follow(new BackgroundProgram(this, command));
  }

  /** Includes a program in {@link report}; disposal waits for its end. */
  follow<P extends BackgroundProgram>(program: P): P {
    this.#programs.push(program);
    return program;
  }

  /** Starts an rpcbind, by default Debian's, and waits until it serves, and no earlier one. */
  async startRpcbind(program = "/sbin/rpcbind", ...args: string[]): Promise<BackgroundProgram> {
    const rpcbind = this.start(program, "-f", ...args);
    const pid = await rpcbind.pid;
    await eventually("rpcbind serves", () => isServingRpcbind(this.path("/"), pid));
    return rpcbind;
  }

  /** Sends a signal to a process, by its id in the host. */
  async kill(pid: number, signal: string): Promise<void> {
    await this.output("kill", `-${signal}`, String(pid));
  }

  /** Whether a process with this id exists in the host. */
  async isAlive(pid: number): Promise<boolean> {
    return (await this.run("kill", "-0", String(pid))).code === 0;
  }

  /** Output of all programs, for the diagnosis of a failure. */
  report(): string {
    return this.#programs.map((program) => program.report()).join("");
  }

  /** Ends all processes in the host. */
  /** Ends all programs; a second call waits for the first. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    await this.#holderInput.close(); // ends process 1, whereupon the kernel kills the rest
    await this.#holder.status;
    for (const program of this.#programs) await program.ended;
  }
}
