import { assertEquals, assertMatch } from "@std/assert";
import { runCallout } from "../../lib/platform/callout.ts";
import { fileAppears, processIsGone } from "../support/waiting.ts";

/** Long enough to be no limit. */
const NO_LIMIT_MS = 60_000;

async function withScript(
  text: string,
  test: (script: string, folder: string) => Promise<void>,
): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${folder}/callout`, text, { mode: 0o755 });
    await test(`${folder}/callout`, folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("runCallout() passes arguments byte by byte, without interpretation", async () => {
  const show = `#!/bin/sh\nprintf '%s\\0' "$@" >"$(dirname "$0")/args"\n`;
  await withScript(show, async (script, folder) => {
    const utf8AsBytes = "h\xc3\xb4te";
    const args = ["sm-notify", "$(id); `id` *\n'\"", "", "-x", utf8AsBytes, "10.0.0.1"];
    assertEquals(await runCallout(script, args, NO_LIMIT_MS), { outcome: "exited", status: 0 });
    const seen = Deno.readTextFileSync(`${folder}/args`).split("\0").slice(0, -1);
    assertEquals(seen, args.with(4, "hôte"));
  });
});

Deno.test("trust 5: runCallout() passes bytes that are no UTF-8, and refuses other characters", async () => {
  const show = `#!/bin/sh\nprintf '%s\\0' "$@" >"$(dirname "$0")/args"\n`;
  await withScript(show, async (script, folder) => {
    const every = Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1)).join("");
    const args = ["sm-notify", "h\xff", every, "", "\n\n", "-e", "$(id)", "%s\\c", "5"];
    assertEquals(await runCallout(script, args, NO_LIMIT_MS), { outcome: "exited", status: 0 });
    const seen = String.fromCharCode(...Deno.readFileSync(`${folder}/args`));
    assertEquals(seen.split("\0").slice(0, -1), args);
  });
});

Deno.test("runCallout() gives a clean environment, and no standard input or output", async () => {
  const show = `#!/bin/sh
tr '\\0' '\\n' </proc/$$/environ >"$(dirname "$0")/env"
fds=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2)
echo "$fds" >"$(dirname "$0")/fds"
`;
  await withScript(show, async (script, folder) => {
    Deno.env.set("NSM_TEST_SECRET", "1");
    assertEquals((await runCallout(script, [], NO_LIMIT_MS)).outcome, "exited");
    Deno.env.delete("NSM_TEST_SECRET");
    assertEquals(
      Deno.readTextFileSync(`${folder}/env`),
      "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n",
    );
    const fds = Deno.readTextFileSync(`${folder}/fds`).trim().split("\n");
    // Descriptors of the shell itself, such as the script, are not counted.
    assertEquals(fds.slice(0, 2), ["/dev/null", "/dev/null"]);
    assertMatch(fds[2]!, /^pipe:/);
  });
});

Deno.test("runCallout() returns the end of the program", async () => {
  await withScript("#!/bin/sh\nexit 3\n", async (script) => {
    assertEquals(await runCallout(script, [], NO_LIMIT_MS), { outcome: "exited", status: 3 });
  });
  await withScript("#!/bin/sh\necho one >&2; echo 'two  three' >&2; exit 4\n", async (script) => {
    assertEquals(await runCallout(script, ["\xff"], NO_LIMIT_MS), {
      outcome: "exited",
      status: 4,
      lastLine: "two  three",
    });
  });
  await withScript("#!/bin/sh\nkill -9 $$\n", async (script) => {
    assertEquals(await runCallout(script, [], NO_LIMIT_MS), {
      outcome: "killed",
      signal: "SIGKILL",
    });
  });
});

const unusable: readonly [string, string, string[]][] = [
  ["a program that is not there", "/nonexistent/callout", []],
  ["a directory", "/etc", []],
  ["a name without a path, which would be searched for", "true", []],
  ["an argument with a NUL", "/bin/true", ["a\0b"]],
  ["an argument that has no bytes", "/bin/true", ["\u4e00"]],
];
for (const [what, program, args] of unusable) {
  Deno.test(`runCallout() does not throw for ${what}`, async () => {
    assertEquals((await runCallout(program, args, NO_LIMIT_MS)).outcome, "notStarted");
  });
}

Deno.test("runCallout() does not throw for a program that may not be executed", async () => {
  await withScript("#!/bin/sh\n", async (script) => {
    Deno.chmodSync(script, 0o644);
    assertEquals((await runCallout(script, [], NO_LIMIT_MS)).outcome, "notStarted");
  });
});

Deno.test("runCallout() kills the program and its children at the time limit", async () => {
  const hang = `#!/bin/sh
trap '' TERM
sleep 1000 &
echo $$ $! >"$(dirname "$0")/pids.new"
mv "$(dirname "$0")/pids.new" "$(dirname "$0")/pids"
wait
`;
  await withScript(hang, async (script, folder) => {
    let runOut = () => {};
    const result = runCallout(script, [], 60_000, {
      startTimer(ms, action) {
        assertEquals(ms, 60_000);
        runOut = action;
        return () => {};
      },
    });
    await fileAppears(`${folder}/pids`);
    runOut();
    assertEquals(await result, { outcome: "timeLimit", timeoutMs: 60_000 });
    for (const pid of Deno.readTextFileSync(`${folder}/pids`).trim().split(" ")) {
      await processIsGone(Number(pid));
    }
  });
});

Deno.test("runCallout() does not wait for what the program left running", async () => {
  await withScript(
    `#!/bin/sh\nsleep 1000 &\necho $! >"$(dirname "$0")/pid"\n`,
    async (script, folder) => {
      assertEquals(await runCallout(script, [], NO_LIMIT_MS), { outcome: "exited", status: 0 });
      const pid = Number(Deno.readTextFileSync(`${folder}/pid`));
      Deno.kill(pid, "SIGKILL");
      await processIsGone(pid);
      // Its standard error is read to the end now.
      await new Promise((resolve) => setTimeout(resolve));
    },
  );
});
