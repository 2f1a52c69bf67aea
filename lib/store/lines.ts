/** Lines of a file that may be of any length, and that other processes may append to meanwhile. */

import type { FollowedFile } from "./file_system.ts";

/** Bytes read per step: some hundred µs. */
const STEP_BYTES = 65_536;
/** Longest line, in bytes; a longer one is faulty. */
const LINE_MAX_BYTES = 65_536;

/** Complete lines of a file, up to its present end, or up to a number of bytes. */
export class Lines implements Iterable<string> {
  readonly #file: FollowedFile;
  readonly #maxBytes: number;
  #rest = "";
  #read = 0;

  constructor(file: FollowedFile, maxBytes: number) {
    this.#file = file;
    this.#maxBytes = maxBytes;
  }

  /** Bytes read. */
  get read(): number {
    return this.#read;
  }

  /** Text after the last line feed: an incomplete line. */
  get rest(): string {
    return this.#rest;
  }

  /** Whether the rest of the file is ignored, since it is longer than any file of ours. */
  get isCut(): boolean {
    return this.#read >= this.#maxBytes;
  }

  *[Symbol.iterator](): Generator<string> {
    for (let text = this.#next(); text !== ""; text = this.#next()) {
      const lines = (this.#rest + text).split("\n");
      const rest = lines.pop()!;
      // What remains of a faulty line is faulty as well.
      this.#rest = rest.length > LINE_MAX_BYTES ? "" : rest;
      // An empty line where none is complete: the reader may pause.
      yield* lines.length > 0 ? lines : [""];
    }
  }

  #next(): string {
    const text = this.isCut ? "" : this.#file.next(STEP_BYTES);
    this.#read += text.length;
    return text;
  }
}
