import { assertEquals } from "@std/assert";
import { IdentityFile } from "../../lib/store/identity_file.ts";
import { diskWith, STATE_DIRECTORY } from "../support/crash_scenario.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "identities are stored whole, and an unreadable file is an error",
  pure,
  () => {
    const disk = diskWith({});
    const log = new RecordingLog();
    const file = new IdentityFile(STATE_DIRECTORY, log, disk);
    assertEquals([file.load(), file.mayHaveSome()], [{}, false]);
    file.save({ vip1: { texts: { names: "a" } } });
    assertEquals([file.load(), file.mayHaveSome()], [{ vip1: { texts: { names: "a" } } }, true]);
    disk.fault = (operation) =>
      operation === "read" ? new Error("Input/output error (os error 5)") : undefined;
    assertEquals([file.load(), file.mayHaveSome()], [{}, true]);
    assertEquals(log.of("error").length, 1);
    disk.fault = () => undefined;
    file.save({});
    assertEquals([file.load(), file.mayHaveSome()], [{}, false]);
  },
);

Deno.test("a file that is no JSON object is reported", pure, () => {
  for (const text of ["[]\n", "junk", '"a"', "null\n"]) {
    const log = new RecordingLog();
    const file = new IdentityFile(STATE_DIRECTORY, log, diskWith({ "sm/.identities": text }));
    assertEquals(file.load(), {});
    assertEquals(log.of("error").length, 1, text);
  }
});
