/**
 * Record files, through both stores on an in-memory disk: records are read as their text says,
 * other lines are kept, and all errors are StoreErrors.
 */

import { assert, assertEquals } from "@std/assert";
import { type MonitorRecord, StoreError } from "../../../lib/nsm/ports.ts";
import { registrationKey } from "../../../lib/nsm/registration_key.ts";
import { openMonitorStore } from "../../../lib/store/file_store.ts";
import { openNotifyStore } from "../../../lib/store/notify_store.ts";
import { isBlank } from "../../../lib/store/record_file.ts";
import { formatRecord, parseRecord, recordFault } from "../../../lib/store/record_format.ts";
import { FragileDisk } from "../../support/fragile_disk.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { mutateBytes, mutateText } from "../mutate.ts";
import { onceIn, pick, type Random, type Target, toBytes, toText } from "../target.ts";
import { name, noise } from "../wire.ts";

const DIRECTORY = "/s";
const FILES = ["nodeb", "10.99.0.3"].map((file) => `${DIRECTORY}/sm/${file}`);
/** File with the name of the first one, on the notify list. */
const NOTIFIED = `${DIRECTORY}/sm.bak/nodeb`;
const NEXT_FILE = "\x1e";
const LINE_LOG_MAX = 1_000;

const WORDS = [
  "0100007f",
  "000186b5",
  "00000003",
  "00000010",
  " ",
  "\n",
  "\0",
  "g",
  "\t",
  "nodeb",
  "\r",
];

function line(random: Random): string {
  const numbers = [
    "0100007f",
    "000186b5",
    "00000003",
    pick(random, ["00000010", "ffffffff", "18"]),
  ];
  const priv = onceIn(random, 9) ? noise(random, 32) : "000102030405060708090a0b0c0d0e0f";
  const peer = onceIn(random, 4) ? name(random) : "nodeb";
  return `${numbers.join(" ")} ${priv} ${peer} ${onceIn(random, 4) ? name(random) : "thishost"}\n`;
}

async function run(input: Uint8Array): Promise<void> {
  const texts = toText(input).split(NEXT_FILE);
  for (const text of texts.join("\n").split("\n")) checkLine(text);
  const files: Record<string, string> = {};
  for (const [i, path] of [...FILES, NOTIFIED].entries()) {
    const text = texts[i];
    if (text !== undefined) files[path] = text;
  }
  await checkMonitorStore(files);
  await checkNotifyStore(files);
}

function checkLine(text: string): void {
  const record = parseRecord(text);
  if (record === undefined) return;
  assertEquals(recordFault(record), undefined, "a record was read that cannot be written");
  assertEquals(parseRecord(formatRecord(record).slice(0, -1)), record);
}

function newDisk(files: Record<string, string>) {
  const disk = new FragileDisk([DIRECTORY, `${DIRECTORY}/sm`, `${DIRECTORY}/sm.bak`], files);
  return { disk, log: new RecordingLog() };
}

function checkLog({ lines }: RecordingLog): void {
  for (const logged of lines) {
    assert(/^[ -~…]*$/.test(logged) && logged.length < LINE_LOG_MAX, logged);
  }
}

/** Rewrites each record with another cookie, then removes all; only foreign lines remain. */
async function checkMonitorStore(files: Record<string, string>): Promise<void> {
  const { disk, log } = newDisk(files);
  const open = () => openMonitorStore(DIRECTORY, { log, fileSystem: disk });
  const store = open();
  const loaded = [...store.load()];
  const changed = loaded.map((record) => ({
    ...record,
    priv: Uint8Array.fromHex(record.priv).map((byte) => byte ^ 1).toHex(),
  }));
  await settled(changed.map((record, i) => store.put(record, loaded[i])));
  const keys = new Set(loaded.filter(isStorable).map(registrationKey));
  for (const record of open().load()) {
    if (isStorable(record)) assert(keys.has(registrationKey(record)), "a record came from nowhere");
  }
  await settled([store.remove(loaded)]);
  assertEquals([...open().load()].filter(isStorable), [], "a removed record is still there");
  for (const path of FILES) assertEquals(foreign(disk.files[path]), foreign(files[path]), path);
  checkLog(log);
}

/** Retires and removes all records; none remain. */
async function checkNotifyStore(files: Record<string, string>): Promise<void> {
  const { disk, log } = newDisk(files);
  const store = openNotifyStore(DIRECTORY, { log, fileSystem: disk });
  store.retire();
  const left = Object.keys(disk.files).filter((path) => path.startsWith(`${DIRECTORY}/sm/`));
  assertEquals(left, [], "something was not retired");
  for (const record of store.load()) await store.remove(record);
  assertEquals(store.load(), []);
  checkLog(log);
}

/** Whether a record can be in the file of its name; nfs-utils accepts more names. */
function isStorable({ monName }: MonitorRecord): boolean {
  return /^[!-~]+$/.test(monName) && !/^\.|\//.test(monName);
}

/** Lines with text that are no records; a file without such lines may be deleted. */
function foreign(text = ""): string {
  const lines = text.split("\n").filter((line) =>
    !isBlank(line) && parseRecord(line) === undefined
  );
  return lines.join("\n");
}

async function settled(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) {
    if (result.status === "rejected") {
      assert(result.reason instanceof StoreError, `${result.reason}`);
    }
  }
}

export const recordFiles: Target = {
  name: "record files",
  inputs: 4_000,
  generate(random) {
    const texts = Array.from({ length: 1 + random(3) }, () => {
      const lines = Array.from({ length: 1 + random(4) }, () => line(random)).join("");
      return mutateText(lines, random, WORDS);
    });
    const bytes = toBytes(texts.join(NEXT_FILE));
    return onceIn(random, 4) ? mutateBytes(bytes, random) : bytes;
  },
  open: () => ({ run }),
};
