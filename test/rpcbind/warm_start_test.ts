import { assertEquals, assertMatch } from "@std/assert";
import { rpcblist } from "../../lib/protocol/rpcbind.ts";
import { Entries, type Entry } from "../../lib/rpcbind/entries.ts";
import { WarmStart } from "../../lib/rpcbind/warm_start.ts";
import { toBytes } from "../../lib/xdr/types.ts";
import { RecordingLog } from "../support/recording_log.ts";

const ENTRY: Entry = {
  r_prog: 300_001,
  r_vers: 1,
  r_netid: "udp",
  r_addr: "0.0.0.0.8.1",
  r_owner: "superuser",
};
const BOOT = "f9a1ba12-0d39-4cb6-88ea-2f3a0b8d8d64";

/** Loads a directory with files; returns the entries and the log lines. */
async function loaded(
  files: Readonly<Record<string, Uint8Array | string>>,
  prepare: (path: string) => void = () => {},
): Promise<{ entries: Entry[]; lines: readonly string[]; after: Uint8Array | undefined }> {
  const directory = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(`${directory}/${name}`, bytes);
    }
    const path = `${directory}/rpcbind.xdr`;
    prepare(path);
    const log = new RecordingLog();
    const warmStart = new WarmStart(directory, BOOT, log);
    const entries = warmStart.load();
    for (let change = 0; change < 2; change++) warmStart.save(new Entries([ENTRY], () => {}));
    const after = Deno.lstatSync(path).isFile ? Deno.readFileSync(path) : undefined;
    return { entries, lines: log.lines, after };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const WHOLE = toBytes(rpcblist, [ENTRY]);

Deno.test("kept entries are restored, also from Debian's files, which have no boot id", async () => {
  for (const files of [{ boot_id: BOOT }, { boot_id: `${BOOT}\n` }, {}]) {
    const { entries, lines } = await loaded({ "rpcbind.xdr": WHOLE, ...files });
    assertEquals([entries, lines], [[ENTRY], []]);
  }
});

Deno.test("entries kept in another boot are not restored", async () => {
  const { entries, lines } = await loaded({ "rpcbind.xdr": WHOLE, boot_id: "another" });
  assertEquals(entries, []);
  assertMatch(lines[0]!, /^notice: .*it is of an earlier boot/);
});

const DAMAGED: Readonly<Record<string, Uint8Array>> = {
  "cut off": WHOLE.slice(0, -6),
  "foreign": new TextEncoder().encode("#!/bin/sh\n"),
  "a number of entries that are not there": new Uint8Array(400).fill(0xff),
  "too long": new Uint8Array(9 * 1024 * 1024),
};
for (const [fault, bytes] of Object.entries(DAMAGED)) {
  Deno.test(`a damaged file is reported and replaced: ${fault}`, async () => {
    const { entries, lines, after } = await loaded({ "rpcbind.xdr": bytes, boot_id: BOOT });
    assertEquals([entries, lines.length, after], [[], 1, WHOLE]);
    assertMatch(lines[0]!, /^warning: Starting without the entries in .*rpcbind\.xdr/);
  });
}

Deno.test("no link is followed, neither for reading nor for writing", async () => {
  const target = await Deno.makeTempFile();
  try {
    await Deno.writeFile(target, WHOLE);
    const changes = Deno.statSync(target).mtime;
    const linked = await loaded({}, (path) => Deno.symlinkSync(target, path));
    assertEquals([linked.entries, linked.after], [[], WHOLE]);
    assertMatch(linked.lines[0]!, /it is not a regular file/);
    assertEquals(Deno.statSync(target).mtime, changes);
    await loaded({}, (path) => Deno.symlinkSync(target, `${path}.new`));
    assertEquals(Deno.statSync(target).mtime, changes);
  } finally {
    await Deno.remove(target);
  }
});

Deno.test("a file that cannot be written is reported once", async () => {
  const { lines } = await loaded({}, (path) => Deno.mkdirSync(path));
  assertEquals(lines.length, 2);
  assertMatch(lines[1]!, /^warning: Cannot keep registrations in /);
});
