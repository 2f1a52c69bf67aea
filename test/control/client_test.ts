import "../support/open_libc.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { reachDaemon } from "../../lib/control/client.ts";
import { HungDaemonError } from "../../lib/control/hung_daemon.ts";
import { CONTROL_SOCKET } from "../../lib/store/layout.ts";

/** A directory with a control socket whose server answers every request with some text, `times` times. */
async function withServer(
  answer: string,
  test: (directory: string) => Promise<void>,
  { owner, times = 1 }: { owner?: number; times?: number } = {},
): Promise<void> {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/${CONTROL_SOCKET}`;
  const listener = Deno.listen({ transport: "unix", path });
  if (owner !== undefined) Deno.chownSync(path, owner, owner);
  const serving = (async () => {
    for await (const connection of listener) {
      await connection.read(new Uint8Array(4096));
      const bytes = new TextEncoder().encode(answer);
      for (let left = times, isOpen = true; left > 0 && isOpen; left--) {
        isOpen = await connection.write(bytes).then(() => true, () => false);
        if (left > 1) await new Promise((resolve) => setTimeout(resolve)); // lets the client read it
      }
      connection.close();
    }
  })();
  try {
    await test(directory);
  } finally {
    listener.close();
    await serving.catch(() => {});
    Deno.removeSync(directory, { recursive: true });
  }
}

async function asked(directory: string): Promise<string> {
  const reached = await reachDaemon(directory, 5_000);
  if (reached.outcome !== "reached") {
    return `${reached.outcome} ${"reason" in reached ? reached.reason : ""}`;
  }
  using daemon = reached.daemon;
  try {
    return JSON.stringify(await daemon.ask({ command: "status" }));
  } catch (error) {
    return (error as Error).message;
  }
}

Deno.test("a daemon is asked over our own socket", async () => {
  await withServer('{"ok":true,"count":1}\n', async (directory) => {
    assertEquals(await asked(directory), '{"ok":true,"count":1}');
  });
});

Deno.test("trust 19: the text of a refusal cannot steer the terminal", async () => {
  await withServer('{"ok":false,"reason":"a\\u001b[2Jb"}\n', async (directory) => {
    assertEquals(await asked(directory), "a\\x1b[2Jb");
  });
});

Deno.test("trust 19: an unfinished answer is rejected", async () => {
  await withServer("x".repeat(100), async (directory) => {
    assertMatch(await asked(directory), /has closed the connection/);
  });
});

Deno.test({
  name: "trust 19: a socket of another user than root and ourselves is not used",
  ignore: Deno.uid() !== 0,
  async fn() {
    await withServer('{"ok":true}\n', async (directory) => {
      assertMatch(await asked(directory), /^failed .*belongs to uid 65534, and only root's/);
    }, { owner: 65534 });
  },
});

Deno.test("trust 19: an answer without an end blocks nobody for longer than the time limit", async () => {
  for (const piece of ["[]\n", " "]) {
    await withServer(piece, async (directory) => {
      for (const command of ["list", "status"] as const) {
        const reached = await reachDaemon(directory, command === "list" ? 60_000 : 50);
        assert(reached.outcome === "reached");
        using daemon = reached.daemon;
        const asked = command === "list" ? daemon.list(50) : daemon.ask({ command });
        await assertRejects(() => asked, HungDaemonError, "has not answered for 0.05 s");
      }
    }, { times: 1_000 });
  }
});

Deno.test("trust 19: a file that is no socket is not used", async () => {
  const directory = Deno.makeTempDirSync();
  Deno.symlinkSync("/run/nowhere", `${directory}/${CONTROL_SOCKET}`);
  assertMatch(await asked(directory), /^failed .*is not a socket/);
  Deno.removeSync(directory, { recursive: true });
});

Deno.test("operator D7: a silent daemon is reported within the time limit", async () => {
  const directory = Deno.makeTempDirSync();
  using _listener = Deno.listen({ transport: "unix", path: `${directory}/${CONTROL_SOCKET}` });
  try {
    const reached = await reachDaemon(directory, 50);
    assert(reached.outcome === "reached");
    using daemon = reached.daemon;
    for (const command of ["list", "status"] as const) {
      const asked = command === "list" ? daemon.list() : daemon.ask({ command });
      const error = await assertRejects(() => asked, Error);
      if (command === "list") {
        assertMatch(error.message, /^rpc\.statd has not answered for 0\.05 s; /);
      }
    }
    const forget = { command: "forget", peers: ["peer"], by: "uid 0" } as const;
    const second = await reachDaemon(directory, 50);
    assert(second.outcome === "reached");
    using other = second.daemon;
    await assertRejects(() => other.ask(forget), HungDaemonError, "has not answered for 0.05 s");
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
