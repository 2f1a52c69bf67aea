/**
 * Identity file `sm/.identities`: one JSON object of the node's identities, by id. nfs-utils skips
 * it. It is read and written whole, as identities are few.
 */

import type { Log } from "../log.ts";
import { asciiJson, quote } from "../quote.ts";
import { messageOf } from "../reason.ts";
import { readText, replaceFile } from "./atomic_file.ts";
import { type FileSystem, RealFileSystem } from "./file_system.ts";
import { IDENTITIES_FILE, layoutOf } from "./layout.ts";

const FILE_MODE = 0o600;
/** Contents without identities. */
const NONE = "{}\n";

/** Identity file of a state directory. */
export class IdentityFile {
  readonly #directory: string;

  constructor(
    stateDirectory: string,
    readonly log: Log,
    readonly fs: FileSystem = new RealFileSystem(),
  ) {
    this.#directory = layoutOf(stateDirectory).monitorList;
  }

  /** Identities in the file; empty if it is missing or, which is logged, unreadable. */
  load(): Readonly<Record<string, unknown>> {
    const path = `${this.#directory}/${IDENTITIES_FILE}`;
    try {
      const text = readText(this.fs, path);
      if (text === undefined) return {};
      const value: unknown = JSON.parse(text);
      if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
      throw new Error("it is not a JSON object");
    } catch (error) {
      this.log.error(`Cannot read ${quote(path)}: ${messageOf(error)}; no identity is held`);
      return {};
    }
  }

  /** Whether there may be identities; true if the file cannot be read. */
  mayHaveSome(): boolean {
    try {
      const text = readText(this.fs, `${this.#directory}/${IDENTITIES_FILE}`);
      return text !== undefined && text !== NONE;
    } catch {
      return true;
    }
  }

  /** Replaces the file. @throws {StoreError} */
  save(identities: Readonly<Record<string, unknown>>): void {
    replaceFile(this.fs, this.#directory, IDENTITIES_FILE, `${asciiJson(identities)}\n`, FILE_MODE);
  }
}
