/** Hosts that are monitored beside those of a scenario: no name, address or requester is the same. */

import { STATE_DIRECTORY, type TestHost } from "./namespace.ts";

const MONITOR_LIST = `${STATE_DIRECTORY}/sm`;
const NETWORK = "10.66";
const REQUESTER = "otherhost";
const ID = "0100007f 000186b5 00000003 00000010";

/** Whether a file in the state directory is that of such a host. */
export function isOfOtherHost(name: string): boolean {
  return name.startsWith(`sm/${NETWORK}.`);
}

/** Has the next rpc.statd find so many of them in its monitor list, 65,536 at most. */
export async function addOtherHosts(host: TestHost, count: number): Promise<void> {
  for (let number = 0; number < count; number++) {
    const address = `${NETWORK}.${number >> 8}.${number & 255}`;
    const priv = number.toString(16).padStart(32, "0");
    const path = host.path(`${MONITOR_LIST}/${address}`);
    Deno.writeTextFileSync(path, `${ID} ${priv} ${address} ${REQUESTER}\n`, { mode: 0o600 });
  }
  await host.output("chown", "-R", `--reference=${MONITOR_LIST}`, MONITOR_LIST);
}

/** How many of them have a file. */
export function countOtherHosts(host: TestHost): number {
  const files = [...Deno.readDirSync(host.path(MONITOR_LIST))];
  return files.filter(({ name }) => isOfOtherHost(`sm/${name}`)).length;
}
