/** Further monitored hosts beside those of a scenario, with disjoint names, addresses and requester. */

import { STATE_DIRECTORY, type TestHost } from "./namespace.ts";

const MONITOR_LIST = `${STATE_DIRECTORY}/sm`;
const NETWORK = "10.66";
const REQUESTER = "otherhost";
const ID = "0100007f 000186b5 00000003 00000010";

/** Whether a file of the state directory belongs to such a host. */
export function isOfOtherHost(name: string): boolean {
  return name.startsWith(`sm/${NETWORK}.`);
}

/** Adds up to 65,536 such hosts to the monitor list, for the next rpc.statd. */
export async function addOtherHosts(host: TestHost, count: number): Promise<void> {
  for (let number = 0; number < count; number++) {
    const address = `${NETWORK}.${number >> 8}.${number & 255}`;
    const priv = number.toString(16).padStart(32, "0");
    const path = host.path(`${MONITOR_LIST}/${address}`);
    Deno.writeTextFileSync(path, `${ID} ${priv} ${address} ${REQUESTER}\n`, { mode: 0o600 });
  }
  await host.output("chown", "-R", `--reference=${MONITOR_LIST}`, MONITOR_LIST);
}

/** Number of such hosts with a file. */
export function countOtherHosts(host: TestHost): number {
  const files = [...Deno.readDirSync(host.path(MONITOR_LIST))];
  return files.filter(({ name }) => isOfOtherHost(`sm/${name}`)).length;
}
