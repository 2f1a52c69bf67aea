/** The state directory of a host as text, byte for byte: contents, modes and owners. */

import { STATE_DIRECTORY, type TestHost } from "./namespace.ts";
import { OTHER_PRIV, PRIV } from "./nsm_calls.ts";

/** A line for each file and directory, by path. */
export type Snapshot = ReadonlyMap<string, string>;

/** What is ours alone and not of nfs-utils' format: it skips names that begin with a dot. */
const OURS_ALONE =
  /^(sm\/\.(peers|notices)|\.statd\.(sock|lock)|\.state|sm\.bak\/\.(run|start|life|progress|events(\.old)?)|sm\/\.\d+\.\d+\.old)$/;

/** Bytes that fill many lines, and what stands for them. */
const SHORT: readonly (readonly [string, string])[] = [[PRIV, "PRIV"], [OTHER_PRIV, "OTHER_PRIV"]];
/** A name of so many equal bytes is written once, with their number. */
const LONG_RUN = /(.)\1{99,}/g;

/** Looks at everything below the state directory, other than the files that are left out. */
export function takeSnapshot(
  host: TestHost,
  isLeftOut: (name: string) => boolean = () => false,
): Snapshot {
  const lines = new Map<string, string>();
  const { uid } = Deno.statSync(host.path(`${STATE_DIRECTORY}/sm`));
  const visit = (name: string) => {
    // Before it is looked at: spare files go by themselves.
    if (isLeftOut(name) || OURS_ALONE.test(name)) return;
    const path = host.path(`${STATE_DIRECTORY}/${name}`);
    const status = Deno.lstatSync(path);
    const permissions = (status.mode! & 0o7777).toString(8).padStart(4, "0");
    const owner = status.uid === uid ? "statd" : String(status.uid);
    const group = status.gid === 0 ? "" : ":nogroup";
    const content = status.isFile ? shown(Deno.readFileSync(path)) : "directory";
    lines.set(name, `${shorten(name)} ${permissions} ${owner}${group} ${content}`);
    if (!status.isDirectory) return;
    for (const entry of Deno.readDirSync(path)) visit(`${name}/${entry.name}`);
  };
  for (const { name } of Deno.readDirSync(host.path(STATE_DIRECTORY))) visit(name);
  return lines;
}

/** What is in one snapshot and not in the other, one line each. */
export function changes(before: Snapshot, after: Snapshot): string {
  const gone = [...before.keys()].filter((name) => !after.has(name));
  const present = [...after].filter(([name, line]) => before.get(name) !== line);
  const lines = [
    ...gone.map((name) => `gone: ${shorten(name)}`),
    ...present.map(([, line]) => line),
  ];
  return lines.sort().join("\n");
}

/** The bytes of a file, each of them one character. */
function shown(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return JSON.stringify(shorten(text));
}

function shorten(text: string): string {
  const runs = text.replaceAll(LONG_RUN, (run) => `${run.length}*${run[0]}`);
  return SHORT.reduce((shorter, [long, short]) => shorter.replaceAll(long, short), runs);
}
