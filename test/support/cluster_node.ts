/** Cluster node: a host with its own name, our rpc.statd, and storage shared with other nodes. */

import schema from "../../conf/nsmctl.schema.json" with { type: "json" };
import { Agent } from "./agent_client.ts";
import type { BackgroundProgram } from "./background_program.ts";
import { faultsOf, type Schema } from "./json_schema.ts";
import type { Ended, TestHost } from "./namespace.ts";
import { mon, unmon } from "./nsm_calls.ts";
import { OUR_NSMCTL } from "./nsmctl_host.ts";
import { ask, FOREGROUND, READY } from "./statd.ts";
import { OUR_STATD } from "./system_test.ts";

/** Result of an SM_MON, without the state number. */
export type MonAnswer = "success" | "failure";

/** Line of `nsmctl identity notify --json`: a peer or, as the last one, the summary. */
export type NotifyLine = Readonly<Record<string, unknown>>;

/** Validates output against the installed schema. @throws {Error} On a violation. */
function requireFit(definition: string, value: unknown): void {
  const faults = faultsOf(value, { $ref: `#/$defs/${definition}` }, schema as unknown as Schema);
  if (faults.length > 0) throw new Error(`${definition}: ${faults.join("; ")}`);
}

export class ClusterNode {
  #statd: BackgroundProgram | undefined;
  readonly agent: Agent;

  constructor(readonly host: TestHost, readonly name: string) {
    this.agent = new Agent(host);
  }

  /** Starts rpc.statd under the node's name. */
  async start(): Promise<BackgroundProgram> {
    // No exec: a process that enters a namespace stops with its child.
    const command = `hostname ${this.name} && { ${OUR_STATD} ${FOREGROUND.join(" ")} & wait; }`;
    const statd = this.host.start("unshare", "--uts", "sh", "-c", command);
    await statd.line(READY);
    this.#statd = statd;
    return statd;
  }

  /** Process id of rpc.statd in the host. */
  async pid(): Promise<number> {
    return Number((await this.host.output("pgrep", "-f", `^${OUR_STATD}`)).trim().split("\n")[0]);
  }

  /** Sends rpc.statd a signal; waits for its end after KILL and TERM. */
  async signal(signal: "KILL" | "TERM" | "STOP" | "CONT"): Promise<void> {
    await this.host.kill(await this.pid(), signal);
    if (signal === "KILL" || signal === "TERM") await this.#statd!.ended;
  }

  nsmctl(...args: string[]): Promise<Ended> {
    return this.host.run(OUR_NSMCTL, "identity", ...args);
  }

  /** Runs `nsmctl identity`, which must succeed; returns its output. */
  async identity(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.nsmctl(...args);
    if (code !== 0) throw new Error(`identity ${args.join(" ")}: ${code}: ${stderr}`);
    return stdout;
  }

  /** Report on an identity. */
  async report(id: string): Promise<Readonly<Record<string, unknown>>> {
    const reports: Record<string, unknown>[] = JSON.parse(await this.identity("list", "--json"));
    requireFit("identities", reports);
    return reports.find((report) => report["id"] === id) ?? {};
  }

  /** Notifies; returns status, lines of peers, and summary. */
  async notify(id: string, ...args: string[]) {
    const { code, stdout, stderr } = await this.nsmctl("notify", id, "--json", ...args);
    const lines = stdout.trim().split("\n").filter((line) => line !== "")
      .map((line) => JSON.parse(line) as NotifyLine);
    const summary = lines.pop() ?? {};
    for (const line of lines) requireFit("identityTold", line);
    if (Object.keys(summary).length > 0) requireFit("identityResult", summary);
    return { code, stderr, lines, summary };
  }

  async mon(monName: string): Promise<string> {
    return await ask(this.agent, mon({ monName }));
  }

  async unmon(monName: string): Promise<string> {
    return await ask(this.agent, unmon({ monName }));
  }
}
