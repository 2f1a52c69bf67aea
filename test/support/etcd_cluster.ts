/** Real etcd cluster on a host with a network of its own; needs etcd installed. */

import type { BackgroundProgram } from "./background_program.ts";
import type { TestHost } from "./namespace.ts";

/** Path of etcd: Debian's, or that of an unpacked package. */
export const ETCD = Deno.env.get("ETCD") ?? "/usr/bin/etcd";
const READY = /ready to serve client requests/;
/** Base ports for clients and for other members; the member's number is added. */
const CLIENT_PORTS = 23790;
const PEER_PORTS = 23800;

/** Members at one address with different ports; each can be killed and restarted. */
export class EtcdCluster {
  readonly #members = new Map<number, BackgroundProgram>();

  constructor(
    readonly host: TestHost,
    /** Data directory of the members. */
    readonly folder: string,
    readonly address: string,
    readonly size: number,
    readonly flags: readonly string[] = [],
  ) {}

  /** Endpoints as written in nfs.conf. */
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

  /** Number of the leader; undefined during an election. */
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

  /** Calls a member by curl. */
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
