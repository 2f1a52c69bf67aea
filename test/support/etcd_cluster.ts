/** A real cluster of etcd on a host of its own network, where etcd is installed. */

import type { BackgroundProgram } from "./background_program.ts";
import type { TestHost } from "./namespace.ts";

/** Where Debian's etcd is, or the package that was unpacked. */
export const ETCD = Deno.env.get("ETCD") ?? "/usr/bin/etcd";
const READY = /ready to serve client requests/;
/** Ports of clients, and of members among themselves, are these and the number of the member. */
const CLIENT_PORTS = 23790;
const PEER_PORTS = 23800;

/** Members at one address, on ports of their own; each can be killed and started again. */
export class EtcdCluster {
  readonly #members = new Map<number, BackgroundProgram>();

  constructor(
    readonly host: TestHost,
    /** Where the members keep their data. */
    readonly folder: string,
    readonly address: string,
    readonly size: number,
    readonly flags: readonly string[] = [],
  ) {}

  /** The endpoints as nfs.conf has them. */
  get endpoints(): string {
    return this.#all.map((i) => this.#client(i)).join(", ");
  }

  async start(): Promise<void> {
    await Promise.all(this.#all.map((i) => this.startMember(i)));
  }

  async startMember(i: number): Promise<void> {
    const peers = this.#all.map((k) => `m${k}=${this.#peer(k)}`).join(",");
    const member = this.host.start(
      ETCD,
      ...["--name", `m${i}`, "--data-dir", `${this.folder}/m${i}`],
      ...["--listen-client-urls", this.#client(i), "--advertise-client-urls", this.#client(i)],
      ...["--listen-peer-urls", this.#peer(i), "--initial-advertise-peer-urls", this.#peer(i)],
      ...["--initial-cluster", peers, "--log-level", "info"],
      ...this.flags,
    );
    this.#members.set(i, member);
    await member.line(READY);
  }

  async killMember(i: number, signal: "KILL" | "STOP" | "CONT" = "KILL"): Promise<void> {
    const pid = (await this.host.output("pgrep", "-f", `name m${i} `)).trim().split("\n")[0];
    await this.host.kill(Number(pid), signal);
    if (signal === "KILL") await this.#members.get(i)?.ended;
  }

  /** The number of the leader; undefined while there is none. */
  async leader(): Promise<number | undefined> {
    for (const i of this.#all) {
      const answer = await this.call(i, "/v3/maintenance/status", {}).catch(() => undefined);
      const { leader, header } = (answer ?? {}) as {
        leader?: string;
        header?: { member_id: string };
      };
      if (leader !== undefined && leader === header?.member_id) return i;
    }
    return undefined;
  }

  /** One call to a member, by curl. */
  async call(i: number, path: string, body: unknown, token?: string): Promise<unknown> {
    const authorization = token === undefined ? [] : ["-H", `Authorization: ${token}`];
    const text = await this.host.output(
      ...["curl", "-sS", "-m", "2", ...authorization, "-d", JSON.stringify(body)],
      `${this.#client(i)}${path}`,
    );
    return JSON.parse(text);
  }

  get #all(): number[] {
    return Array.from({ length: this.size }, (_, i) => i + 1);
  }

  #client(i: number): string {
    return `http://${this.address}:${CLIENT_PORTS + i}`;
  }

  #peer(i: number): string {
    return `http://${this.address}:${PEER_PORTS + i}`;
  }
}
