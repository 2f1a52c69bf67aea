/**
 * Files of a warm start, which the next rpcbind reads: whatever they hold, no entry of rpcbind itself is
 * replaced, nothing passes the limits, and what is kept then is read again. The first byte selects the
 * boot.
 */

import { assert, assertEquals } from "@std/assert";
import { pmaplist, RPCBIND_ENTRIES_MAX } from "../../../lib/protocol/portmap.ts";
import { Entries, type Entry, isOwn } from "../../../lib/rpcbind/entries.ts";
import { ownEntries } from "../../../lib/rpcbind/own_entries.ts";
import { WarmStart } from "../../../lib/rpcbind/warm_start.ts";
import { NETIDS } from "../../../lib/rpc/transport.ts";
import { fromBytes } from "../../../lib/xdr/types.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { onceIn, pick, type Random, type Subject, type Target } from "../target.ts";
import { type Field, mutated, name, text, word } from "../wire.ts";

const BOOT = "f9a1ba12-0d39-4cb6-88ea-2f3a0b8d8d64";
/** Contents of the file with the boot; undefined: there is none. */
const BOOTS = [BOOT, `${BOOT}\n`, undefined, "another", "", "\xff\0"];
/** Longest netid and address together, and longest owner, that a call can register. */
const TEXTS_MAX = 512;
const OWNER_MAX = 16;
const OWN = ownEntries(new Set(NETIDS));
const PROGRAMS = [7, 100_000, 100_003, 100_024, 0, 0xffffffff];
const ADDRESSES = [
  "0.0.0.0.8.1",
  "::.8.3",
  "/run/rpcbind.sock",
  "1.2.3.4.999.1",
  "",
  "a".repeat(600),
];

class Files implements Subject {
  readonly #directory = Deno.makeTempDirSync();

  run(input: Uint8Array): void {
    const boot = BOOTS[(input[0] ?? 0) % BOOTS.length];
    const write = (file: string, bytes: Uint8Array) =>
      Deno.writeFileSync(`${this.#directory}/${file}`, bytes);
    write("rpcbind.xdr", input.slice(1));
    if (boot !== undefined) write("boot_id", new TextEncoder().encode(boot));
    const { entries, kept, log } = this.#start();
    const isThisBoot = boot === undefined || boot.trim() === BOOT;
    assert(isThisBoot || kept.length === 0, "entries of another boot are used");
    assert(log.lines.length <= 1, "more than one line");
    assert(entries.all.length <= RPCBIND_ENTRIES_MAX);
    assertEquals(entries.all.filter(isOwn), OWN, "rpcbind's own entries are others");
    for (const { r_netid, r_addr, r_owner } of entries.all) {
      assert(r_netid.length + r_addr.length <= TEXTS_MAX, "an entry is too long");
      assert(r_owner.length <= OWNER_MAX, "an owner is too long");
    }
    const mappings = Deno.readFileSync(`${this.#directory}/portmap.xdr`);
    assertEquals(fromBytes(pmaplist, mappings), entries.mappings());
    const again = this.#start();
    assertEquals([again.entries.all, again.log.lines], [entries.all, []], "it is not read again");
    for (const { name: file } of Deno.readDirSync(this.#directory)) {
      Deno.removeSync(`${this.#directory}/${file}`);
    }
  }

  /** A start, as in rpcbind/serve.ts. */
  #start(): { entries: Entries; kept: Entry[]; log: RecordingLog } {
    const log = new RecordingLog();
    const warmStart = new WarmStart(this.#directory, BOOT, log);
    const entries = new Entries(OWN, () => {});
    const kept = warmStart.load();
    entries.restore(kept);
    warmStart.save(entries);
    return { entries, kept, log };
  }

  close(): void {
    Deno.removeSync(this.#directory, { recursive: true });
  }
}

function entry(random: Random): Field[] {
  const netid = pick(random, [...NETIDS, "local", "UDP", "", name(random)]);
  return [
    word(1), // another entry follows
    word(pick(random, PROGRAMS)),
    word(random(4)),
    text(netid),
    text(onceIn(random, 4) ? name(random) : pick(random, ADDRESSES)),
    text(pick(random, ["superuser", "unknown", "0", "65534", name(random)])),
  ];
}

export const warmStart: Target = {
  name: "warm start",
  inputs: 500,
  generate(random) {
    const entries = Array.from({ length: random(6) }, () => entry(random)).flat();
    return Uint8Array.from([random(256), ...mutated([...entries, word(0)], random)]);
  },
  open: () => new Files(),
};
