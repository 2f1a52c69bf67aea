/**
 * Compaction of the file `sm/.peers`: replaced by a copy without superseded lines. The daemon and
 * sm-notify may append meanwhile, so lines added during the copy are copied too, and all but the
 * last step may be sliced.
 */

import type { PeerFacts } from "../nsm/ports.ts";
import { AsideFile, syncDirectory } from "./atomic_file.ts";
import type { FileSystem } from "./file_system.ts";
import { asideName, type Layout } from "./layout.ts";
import { Lines } from "./lines.ts";
import { learn, lineOf } from "./peer_line.ts";

/** Bytes written per step: some hundred µs. */
const STEP_BYTES = 65_536;
/** Bytes read of a file, at most: twice as long as it can get while a compaction is in progress. */
export const READ_MAX_BYTES = 67_108_864;
/** Serial of the copy's name, used by no other file aside. */
const SERIAL = 1_000;

/** Result of a compaction. */
export interface Compacted {
  /** In bytes. */
  readonly size: number;
  readonly lines: number;
}

/**
 * Compacts the file. If the result exceeds `maxBytes`, the oldest peers are dropped. Undefined if
 * there is no file. May be abandoned at any step.
 *
 * @throws {Error} When the disk refuses; the file is unchanged.
 */
export function* compaction(
  fs: FileSystem,
  { peers, monitorList }: Pick<Layout, "peers" | "monitorList">,
  { mode, maxBytes }: { readonly mode: number; readonly maxBytes: number },
): Generator<void, Compacted | undefined> {
  const file = fs.follow(peers);
  if (file === undefined) return undefined;
  let aside: AsideFile | undefined;
  try {
    const facts = new Map<string, PeerFacts>();
    const added = new Lines(file, READ_MAX_BYTES);
    for (const line of added) {
      learn(facts, line);
      yield;
    }
    let { size, lines } = { size: 0, lines: 0 };
    const write = (text: string) => {
      if (aside === undefined) {
        aside = AsideFile.write(fs, `${monitorList}/${asideName(SERIAL)}`, text, mode);
      } else if (text !== "") fs.append(aside.path, text, mode);
      aside.startSync(); // shortens the sync at the end
      size += text.length;
    };
    for (const text of yield* newest(facts, maxBytes)) {
      write(text.lines.join(""));
      lines += text.lines.length;
      yield;
    }
    // Last step: synchronous, so nothing of ours is appended from here on.
    const last = [...added, added.rest].filter((line) => line !== "");
    write(last.map((line) => `${line}\n`).join(""));
    lines += last.length;
    aside!.sync();
    aside!.renameTo(peers);
    aside = undefined;
    syncDirectory(fs, monitorList);
    return { size, lines };
  } finally {
    file.close();
    aside?.discard();
  }
}

/** Lines of the most recent peers, in file order, in parts of one step each. */
function* newest(
  facts: ReadonlyMap<string, PeerFacts>,
  maxBytes: number,
): Generator<void, { lines: string[] }[]> {
  const parts: { lines: string[]; length: number }[] = [];
  let length = 0;
  for (const [peer, known] of [...facts].reverse()) {
    const line = lineOf(peer, known);
    length += line.length;
    if (length > maxBytes) break;
    let part = parts.at(-1);
    if (part === undefined || part.length > STEP_BYTES) {
      parts.push(part = { lines: [], length: 0 });
    }
    part.lines.push(line);
    part.length += line.length;
    yield;
  }
  for (const part of parts) part.lines.reverse();
  return parts.reverse();
}
