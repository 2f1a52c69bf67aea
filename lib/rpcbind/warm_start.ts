/**
 * Warm start: entries stored below /run/rpcbind, read by the next rpcbind: ours, or Debian's with
 * `-w`, whose file format this is. They are written on each change, before it is acknowledged.
 * After a reboot the files are ignored, since no service is at its old address.
 *
 * - `rpcbind.xdr`: all entries, as an XDR `rpcblist`.
 * - `portmap.xdr`: entries visible to version 2, as an XDR `pmaplist`.
 * - `boot_id`: the kernel's boot id. If missing, the files count as written in this boot, since
 *   /run is empty after a reboot nearly everywhere.
 *
 * Source: RFC 1833 sections 2.1 and 3.1; rpcbind 1.2.6 for the names.
 */

import { join } from "@std/path/join";
import type { Log } from "../log.ts";
import { pmaplist } from "../protocol/portmap.ts";
import { rpcblist } from "../protocol/rpcbind.ts";
import { quote } from "../quote.ts";
import { fromBytes, toBytes } from "../xdr/types.ts";
import { type Entries, type Entry, isOwn } from "./entries.ts";
import { removeIfThere, unlessMissing, writeAll } from "../platform/small_files.ts";
import { reasonOf } from "../reason.ts";

/** Directory of the files, whose owner rpcbind becomes. */
export const RPCBIND_DIRECTORY = "/run/rpcbind";

const ENTRIES_FILE = "rpcbind.xdr";
const MAPPINGS_FILE = "portmap.xdr";
const BOOT_FILE = "boot_id";
/** Suffix of a file aside. */
const ASIDE = ".new";
/** Private to its owner, as Debian's. */
const FILE_MODE = 0o600;
/** Longest file read, in bytes: more than 8,192 entries of the greatest length allowed. */
const FILE_MAX_BYTES = 8 * 1024 * 1024;

export class WarmStart {
  readonly #directory: string;
  readonly #bootId: string | undefined;
  readonly #log: Log;
  #fault: string | undefined;
  #isBootWritten = false;

  constructor(directory: string, bootId: string | undefined, log: Log) {
    this.#directory = directory;
    this.#bootId = bootId;
    this.#log = log;
  }

  /** Entries stored in this boot, without rpcbind's own; empty if they cannot be read. */
  load(): Entry[] {
    try {
      const bytes = this.#read(ENTRIES_FILE);
      if (bytes === undefined) return [];
      const bootId = this.#read(BOOT_FILE);
      if (bootId !== undefined && this.#bootId !== undefined) {
        if (new TextDecoder().decode(bootId).trim() !== this.#bootId) {
          this.#log.notice(`Not using ${this.#shown(ENTRIES_FILE)}: it is of an earlier boot`);
          return [];
        }
      }
      return fromBytes(rpcblist, bytes).filter((entry) => !isOwn(entry));
    } catch (error) {
      const reason = reasonOf(error);
      this.#log.warning(
        `Starting without the entries in ${this.#shown(ENTRIES_FILE)}: ${reason}`,
      );
      return [];
    }
  }

  /** Writes the files; a failure is logged once, until a write succeeds. */
  save(entries: Entries): void {
    try {
      if (this.#bootId !== undefined && !this.#isBootWritten) {
        this.#write(BOOT_FILE, new TextEncoder().encode(this.#bootId));
        this.#isBootWritten = true;
      }
      this.#write(ENTRIES_FILE, toBytes(rpcblist, entries.all));
      this.#write(MAPPINGS_FILE, toBytes(pmaplist, entries.mappings()));
      this.#fault = undefined;
    } catch (error) {
      const fault = `Cannot keep registrations in ${quote(this.#directory)}: ${reasonOf(error)}; ` +
        "a restarted rpcbind will not have them";
      this.#isBootWritten = false; // the directory may be another one by now
      if (fault !== this.#fault) this.#log.warning(fault);
      this.#fault = fault;
    }
  }

  #read(name: string): Uint8Array | undefined {
    const path = join(this.#directory, name);
    return unlessMissing(() => {
      const { isFile, size } = Deno.lstatSync(path);
      if (!isFile) throw new Error("it is not a regular file");
      if (size > FILE_MAX_BYTES) throw new Error(`it is longer than ${FILE_MAX_BYTES} bytes`);
      return Deno.readFileSync(path);
    });
  }

  /** Replaces a file atomically, removing the file aside of a killed process. */
  #write(name: string, bytes: Uint8Array): void {
    const path = join(this.#directory, name);
    const aside = path + ASIDE;
    removeIfThere(aside);
    using file = Deno.openSync(aside, { write: true, createNew: true, mode: FILE_MODE });
    writeAll(file, bytes);
    Deno.renameSync(aside, path);
  }

  #shown(name: string): string {
    return quote(join(this.#directory, name));
  }
}
