/**
 * Compaction of the file `sm/.peers`: a copy without superseded lines takes its place. Both the daemon and
 * sm-notify may append meanwhile, so that all but the last step can be small ones, with turns of the event
 * loop in between: what was added behind the part that was read is added to the copy, too.
 */

import type { PeerFacts } from "../nsm/ports.ts";
import { AsideFile, syncDirectory } from "./atomic_file.ts";
import type { FileSystem, FollowedFile } from "./file_system.ts";
import { asideName, type Layout } from "./layout.ts";
import { learn, lineOf } from "./peer_line.ts";

/** Bytes that are read or written in one step: some hundred µs. */
const STEP_BYTES = 65_536;
/** Of the copy's name: no other file that is written aside has it. */
const SERIAL = 1_000;

/** A file that was written anew. */
export interface Compacted {
  /** In bytes. */
  readonly size: number;
  readonly lines: number;
}

/** The whole lines up to the end of a file. */
export class Lines implements Iterable<string> {
  readonly #file: FollowedFile;
  #rest = "";

  constructor(file: FollowedFile) {
    this.#file = file;
  }

  /** What is behind the last whole line: the beginning of one, or one without an end. */
  get rest(): string {
    return this.#rest;
  }

  *[Symbol.iterator](): Generator<string> {
    for (let text = this.#next(); text !== ""; text = this.#next()) {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop()!;
      yield* lines;
    }
  }

  #next(): string {
    return this.#file.next(STEP_BYTES);
  }
}

/**
 * Writes the file anew, with the peers that were saved last as far as `maxBytes` have room. Undefined
 * where there is none. To end it early does no harm.
 *
 * @throws {Error} When the disk refuses; the file is as it was.
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
    const added = new Lines(file);
    for (const line of added) {
      learn(facts, line);
      yield;
    }
    let { size, lines } = { size: 0, lines: 0 };
    const write = (text: string) => {
      if (aside === undefined) {
        aside = AsideFile.write(fs, `${monitorList}/${asideName(SERIAL)}`, text, mode);
      } else if (text !== "") fs.append(aside.path, text, mode);
      aside.startSync(); // so that the sync at the end has little to wait for
      size += text.length;
    };
    for (const text of yield* newest(facts, maxBytes)) {
      write(text.lines.join(""));
      lines += text.lines.length;
      yield;
    }
    // The last step: nothing of ours can be added from here on.
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

/** The lines of the peers that were saved last, in the order of the file, and in parts for one step each. */
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
