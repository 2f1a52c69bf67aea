import { assert, assertEquals, assertThrows } from "@std/assert";
import type { MonitorRecord } from "../../lib/nsm/ports.ts";
import { RealFileSystem } from "../../lib/store/file_system.ts";
import { readForeignRecords } from "../../lib/store/foreign_records.ts";
import { formatRecord } from "../../lib/store/record_format.ts";
import "../support/open_libc.ts";

const RECORD: MonitorRecord = {
  monName: "client.example.net",
  myName: "old.example.net",
  myProg: 100_021,
  myVers: 4,
  myProc: 16,
  priv: "00112233445566778899aabbccddeeff",
};

/** Peers found in a folder or file, as `mon_name my_name`, and the number of skipped entries. */
function found(path: string): { peers: string[]; passedOver: number } {
  const { records, passedOver } = readForeignRecords(new RealFileSystem(), path, "me");
  const peers = records.map(({ monName, myName }) => `${monName} ${myName}`).sort();
  return { peers, passedOver: passedOver.length };
}

async function inFolder(test: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A slot of FreeBSD's database. */
function slot(bytes: number, name: string, isInUse: boolean): Uint8Array {
  const slot = new Uint8Array(bytes);
  slot.set(new TextEncoder().encode(name));
  if (isInUse) slot[1028] = 1;
  return slot;
}

/** A record of macOS' database. */
function nsm1(name: string, monitored: number, toBeNotified: number): Uint8Array {
  const length = 8 + 64 * Math.ceil((name.length + 1) / 64);
  const record = new Uint8Array(length);
  const view = new DataView(record.buffer);
  [length, monitored, toBeNotified, name.length].forEach((value, i) =>
    view.setUint16(2 * i, value)
  );
  record.set(new TextEncoder().encode(name), 8);
  return record;
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

Deno.test("readForeignRecords() reads trees of nfs-utils, holding folders and sm.ha", async () => {
  await inFolder(async (folder) => {
    for (const list of ["sm", "sm.bak", "sm.ha", "other"]) {
      await Deno.mkdir(`${folder}/${list}`);
      const monName = `${list}.example.net`;
      await Deno.writeTextFile(
        `${folder}/${list}/${monName}`,
        formatRecord({ ...RECORD, monName }),
      );
    }
    await Deno.writeTextFile(`${folder}/state`, "\x05\0\0\0");
    const peers = ["sm.bak", "sm", "sm.ha"].map((list) => `${list}.example.net old.example.net`);
    assertEquals(found(folder), { peers: peers.sort(), passedOver: 0 });
    const one = { peers: ["sm.example.net old.example.net"], passedOver: 0 };
    assertEquals(found(`${folder}/sm`), one);
    assertEquals(found(`${folder}/sm/sm.example.net`), one);
  });
});

Deno.test("readForeignRecords() reads illumos' and CTDB's folders", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/sm`);
    await Deno.writeTextFile(`${folder}/sm/peer1`, "");
    await Deno.symlink("peer1", `${folder}/sm/ipv4.10.0.0.9`);
    await Deno.writeTextFile(`${folder}/state`, "5         ");
    await Deno.writeTextFile(`${folder}/statd-state@10.0.0.50@10.0.0.7`, "1700000000\n");
    assertEquals(found(folder), { peers: ["10.0.0.7 10.0.0.50", "peer1 me"], passedOver: 0 });
  });
});

Deno.test("readForeignRecords() reads databases of FreeBSD and macOS", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/statd.status`;
    for (const bytes of [1040, 1036]) {
      const slots = [slot(bytes, "a", true), slot(bytes, "gone", false), slot(bytes, "b", true)];
      await Deno.writeFile(path, joined(new Uint8Array(256), ...slots));
      assertEquals(found(path), { peers: ["a me", "b me"], passedOver: 0 }, `${bytes}`);
    }
    const header = new Uint8Array(256);
    header.set(new TextEncoder().encode("NSM1"), 8);
    const long = "h".repeat(100);
    const records = [nsm1("a", 1, 0), nsm1("gone", 0, 0), nsm1(long, 0, 1)];
    await Deno.writeFile(path, joined(header, ...records));
    assertEquals(found(path), { peers: ["a me", `${long} me`], passedOver: 0 });
    // Truncated, or with an invalid length.
    await Deno.writeFile(path, joined(header, ...records).subarray(0, 300));
    assertEquals(found(path).peers.length, 0);
    await Deno.writeFile(path, joined(header, new Uint8Array(500)));
    assertEquals(found(path).peers.length, 0);
  });
});

Deno.test("readForeignRecords() follows no link, and is bounded", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/secret`, formatRecord(RECORD));
    await Deno.mkdir(`${folder}/tree/sm`, { recursive: true });
    await Deno.symlink(`${folder}/secret`, `${folder}/tree/sm/link`);
    await Deno.symlink(folder, `${folder}/tree/sm.bak`);
    await new Deno.Command("mkfifo", { args: [`${folder}/tree/sm/pipe`] }).output();
    await Deno.writeTextFile(`${folder}/tree/sm/long`, "x".repeat(5_000_000));
    assertEquals(found(`${folder}/tree`), { peers: [], passedOver: 1 });
  });
});

Deno.test("readForeignRecords() reads lines of JSON, and names those that are none", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/lists.jsonl`;
    const lines = [
      { monName: "a", myName: "n", priv: RECORD.priv, program: 1, version: 2, procedure: 3 },
      { monName: "b" },
      { monName: 7 },
      [],
    ];
    await Deno.writeTextFile(path, `${lines.map((line) => JSON.stringify(line)).join("\n")}\n{`);
    assertEquals(found(path), { peers: ["a n", "b me"], passedOver: 3 });
    const [first] = readForeignRecords(new RealFileSystem(), path, "me").records;
    assertEquals(first, {
      monName: "a",
      myName: "n",
      myProg: 1,
      myVers: 2,
      myProc: 3,
      priv: RECORD.priv,
    });
  });
});

Deno.test("readForeignRecords() refuses unknown formats", async () => {
  await inFolder(async (folder) => {
    const fs = new RealFileSystem();
    assertThrows(() => readForeignRecords(fs, `${folder}/absent`, "me"), Error, "no such");
    await Deno.writeTextFile(`${folder}/text`, "some text\n");
    assertThrows(
      () => readForeignRecords(fs, `${folder}/text`, "me"),
      Error,
      "no records of a known kind",
    );
    assert(found(folder).passedOver > 0);
  });
});

Deno.test("a file that cannot be read is named, and the remaining ones are imported", () =>
  inFolder(async (folder) => {
    for (const name of ["a", "b"]) {
      await Deno.writeTextFile(`${folder}/${name}`, formatRecord({ ...RECORD, monName: name }));
    }
    const fs = new RealFileSystem();
    const read = fs.readOwn.bind(fs);
    fs.readOwn = (path, maxBytes) => {
      if (path.endsWith("/a")) throw new Error("Input/output error");
      return read(path, maxBytes);
    };
    const { records, passedOver } = readForeignRecords(fs, folder, "me");
    assertEquals(records.map(({ monName }) => monName), ["b"]);
    assertEquals(passedOver, [`${folder}/a: Input/output error`]);
  }));
