/** Our rpc.statd on a throw-away host, with or without a real rpcbind, and an agent that calls it. */

import { Agent } from "./agent_client.ts";
import type { BackgroundProgram } from "./background_program.ts";
import { STATE_DIRECTORY, type TestHost } from "./namespace.ts";
import { type Call, describe, message } from "./nsm_calls.ts";
import { OUR_STATD } from "./system_test.ts";

/** Port of statd on all transports. */
export const STATD_PORT = 4050;
export const LOCALHOST = "127.0.0.1";
export const STATD = { address: LOCALHOST, port: STATD_PORT };

/** Options: in the foreground, log on stderr, without sm-notify. */
export const FOREGROUND = ["-F", "-d", "--no-notify", "-p", String(STATD_PORT)];

/** Last log line before statd serves. */
export const READY = /: Ready\. /;

/** Starts statd in the foreground; waits until it serves. */
export async function startStatd(
  host: TestHost,
  options: readonly string[] = FOREGROUND,
): Promise<BackgroundProgram> {
  const statd = host.start(OUR_STATD, ...options);
  await statd.line(READY);
  return statd;
}

/** Starts rpcbind, a lock manager, statd, and an agent. */
export async function startAll(
  host: TestHost,
): Promise<{ readonly statd: BackgroundProgram; readonly agent: Agent }> {
  const agent = new Agent(host);
  await host.startRpcbind();
  await agent.serve();
  return { statd: await startStatd(host), agent };
}

/** Makes a call over UDP from loopback; returns the reply as text. */
export async function ask(agent: Agent, call: Call): Promise<string> {
  return describe((await agent.datagram(message(call), STATD)).message);
}

/** Lines of rpcinfo(8) about a program: version, netid, address and owner. */
export async function registrations(host: TestHost, program = 100024): Promise<string[]> {
  const lines = (await host.output("rpcinfo")).split("\n").map((line) => line.trim().split(/\s+/));
  return lines.filter(([number]) => number === String(program))
    .map(([, version, netid, address, , owner]) => `${version} ${netid} ${address} ${owner}`)
    .sort();
}

/** Names of record files in the monitor list, without dot files. */
export function monitored(host: TestHost): string[] {
  return [...Deno.readDirSync(host.path(`${STATE_DIRECTORY}/sm`))]
    .map(({ name }) => name).filter((name) => !name.startsWith(".")).sort();
}
