/** Snapshot of a host's state directory as text: contents, modes and owners. */

import { STATE_DIRECTORY, type TestHost } from "./namespace.ts";
import { OTHER_PRIV, PRIV } from "./nsm_calls.ts";

/** A line for each file and directory, by path. */
export type Snapshot = ReadonlyMap<string, string>;

/** Dot files of ours, which nfs-utils ignores. */
const OURS_ALONE =
  /^(sm\/\.(peers|notices)|\.statd\.(sock|lock)|\.state|sm\.bak\/\.(run|start|life|progress|events(\.old)?)|sm\/\.\d+\.\d+\.old)$/;

/** Frequent long byte strings, with abbreviations. */
const SHORT: readonly (readonly [string, string])[] = [[PRIV, "PRIV"], [OTHER_PRIV, "OTHER_PRIV"]];
/** Run of equal bytes, written as its length and one byte. */
const LONG_RUN = /(.)\1{99,}/g;

/** Takes a snapshot of the state directory, without the files that `isLeftOut`. */
export function takeSnapshot(
  host: TestHost,
  isLeftOut: (name: string) => boolean = () => false,
): Snapshot {
  const lines = new Map<string, string>();
  const { uid } = Deno.statSync(host.path(`${STATE_DIRECTORY}/sm`));
  const visit = (name: string) => {
    // Checked before lstat: spare files vanish at any time.
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

/** Lines of the second snapshot that differ from the first, and removed files. */
export function changes(before: Snapshot, after: Snapshot): string {
  const gone = [...before.keys()].filter((name) => !after.has(name));
  const present = [...after].filter(([name, line]) => before.get(name) !== line);
  const lines = [
    ...gone.map((name) => `gone: ${shorten(name)}`),
    ...present.map(([, line]) => line),
  ];
  return lines.sort().join("\n");
}

/** Content of a file, a character for each byte. */
function shown(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return JSON.stringify(shorten(text));
}

function shorten(text: string): string {
  const runs = text.replaceAll(LONG_RUN, (run) => `${run.length}*${run[0]}`);
  return SHORT.reduce((shorter, [long, short]) => shorter.replaceAll(long, short), runs);
}
