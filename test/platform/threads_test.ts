import { assertEquals } from "@std/assert";
import "../support/open_libc.ts";
import { CompiledProgram, outcomeOf } from "../support/test_programs.ts";
import { canStartThread } from "../../lib/platform/threads.ts";

Deno.test("canStartThread() is true without obstacles", () => {
  assertEquals(canStartThread(), true);
});

Deno.test({
  name: "field 10: a look-up without a thread is to be tried later, and the process survives",
  ignore: Deno.uid() !== 0,
  async fn() {
    using program = new CompiledProgram();
    // one process of this user: no thread beside the first; 64,211 is nobody's
    const limited =
      `ulimit -u 1; exec setpriv --reuid 64211 --regid 64211 --clear-groups "$0" "look up"`;
    const child = new Deno.Command("/bin/bash", {
      args: ["-c", limited, program.path],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { code, stdout, stderr } = await outcomeOf(child);
    assertEquals([code, stdout, stderr], [0, '{"code":-3}\n', ""]);
  },
});
