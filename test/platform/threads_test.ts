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
    // one process of this user: no thread beside the first
    assertEquals(await outputAsNobody("look up", "ulimit -u 1; "), '{"code":-3}\n');
  },
});

Deno.test({
  name: "field 10: look-ups share the threads that there are, where the kernel refuses more",
  ignore: Deno.uid() !== 0,
  async fn() {
    assertEquals(await outputAsNobody("look up again"), "[0,0,0,0,0,0,0,0]\n");
  },
});

/** Output of a program that runs as a user without other processes: 64,211 is nobody's. */
async function outputAsNobody(order: string, before = ""): Promise<string> {
  using program = new CompiledProgram();
  const command =
    `${before}exec setpriv --reuid 64211 --regid 64211 --clear-groups "$0" "${order}"`;
  const child = new Deno.Command("/bin/bash", {
    args: ["-c", command, program.path],
    cwd: "/", // the folder of the tests may be root's alone
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { code, stdout, stderr } = await outcomeOf(child);
  assertEquals([code, stderr], [0, ""]);
  return stdout;
}
