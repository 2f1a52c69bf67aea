import { assertEquals } from "@std/assert";
import { namesIn } from "../../lib/store/record_directory.ts";
import { RecordingLog } from "../support/recording_log.ts";

Deno.test("namesIn() reports what is no record file, and passes over hidden files", {
  permissions: "none",
}, () => {
  const kind = { isFile: false, isDirectory: false, isSymlink: false };
  const log = new RecordingLog();
  const entries = [
    { ...kind, name: "peer", isFile: true },
    { ...kind, name: ".peers", isFile: true },
    { ...kind, name: "p\ufffder", isFile: true },
    { ...kind, name: "folder", isDirectory: true },
    { ...kind, name: "link", isSymlink: true },
    { ...kind, name: "fifo" },
  ];
  assertEquals(namesIn(entries, "/nsm/sm", log), ["peer"]);
  assertEquals(log.lines, [
    'warning: Skipping a file in "/nsm/sm": its name is no text',
    'warning: Skipping "/nsm/sm/folder": it is a directory',
    'warning: Skipping "/nsm/sm/link": it is a symbolic link',
    'warning: Skipping "/nsm/sm/fifo": it is a special file',
  ]);
});
