/** Daemonizing with real processes, from source and compiled. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  CompiledProgram,
  outcomeOf,
  sourceProgram,
  type TestProgram,
} from "../support/test_programs.ts";
import { fileAppears, processIsGone } from "../support/waiting.ts";

/** Report of the daemon once it is ready. */
interface Life {
  pid: number;
  session: number;
  cwd: string;
  descriptors: string[];
  environment: Record<string, string>;
  commandLine: string[];
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await test(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Starts a daemon in the background, checks it, and ends it. */
async function lifeOf(folder: string, starter: Deno.ChildProcess): Promise<Life> {
  const { code, stdout, stderr } = await outcomeOf(starter);
  assertEquals([code, stdout, stderr], [0, "", "starting\n"]);
  await fileAppears(`${folder}/life`);
  const life: Life = JSON.parse(Deno.readTextFileSync(`${folder}/life`));
  Deno.removeSync(`${folder}/life`);
  assertEquals(life.pid !== starter.pid, true);
  Deno.kill(life.pid, "SIGTERM");
  await processIsGone(life.pid);
  return life;
}

async function testStart(program: TestProgram): Promise<void> {
  await withFolder(async (folder) => {
    // the output ends only because the daemon has closed it
    const life = await lifeOf(folder, program.spawn(["daemon", "serve", `${folder}/life`]));
    assertEquals(life.session, life.pid);
    assertEquals(life.cwd, "/");
    assertEquals(life.descriptors.slice(0, 3), ["/dev/null", "/dev/null", "/dev/null"]);
    assertEquals(life.descriptors.filter((target) => target.startsWith("pipe:")), []);
    assertEquals(life.environment["NSM_BACKGROUND"], undefined);
  });
}

const failures: readonly [string, number, string][] = [
  ["fail", 7, "starting\n"],
  ["crash", 1, "crashed"],
  ["reject", 1, "daemon: Ending on an unexpected error: Error: unheld | at "],
];

async function testFailures(program: TestProgram): Promise<void> {
  for (const [behaviour, status, message] of failures) {
    const { code, stderr } = await outcomeOf(program.spawn(["daemon", behaviour, "/dev/null"]));
    assertEquals(code, status);
    assertStringIncludes(stderr, message);
  }
}

/** The daemon ends, but a child of it holds the pipe to the starter. */
async function testHeldPipe(program: TestProgram): Promise<void> {
  await withFolder(async (folder) => {
    new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).outputSync();
    const starter = program.spawn(["daemon", "hold", `${folder}/fifo`]);
    assertEquals((await starter.status).code, 3);
    Deno.writeTextFileSync(`${folder}/fifo`, "\n"); // the program reads standard input to its end
    await outcomeOf(starter);
  });
}

async function testSignal(program: TestProgram): Promise<void> {
  const starter = program.spawn(["daemon", "hang", "-"]);
  const errors = starter.stderr.getReader();
  await errors.read(); // "starting": the daemon runs
  starter.kill("SIGTERM");
  while (!(await errors.read()).done);
  errors.releaseLock();
  assertEquals((await starter.status).code, 143);
  await Promise.all([starter.stdin.close(), starter.stdout.cancel()]);
}

async function testHeldSignals(program: TestProgram): Promise<void> {
  const { stdout } = await outcomeOf(program.spawn(["held signals"]));
  const { seen, child } = JSON.parse(stdout);
  assertEquals(seen, ["hangUp", "stop", "user1", "user2"]);
  assertMatch(child, /^SigBlk:\s+0+$/);
}

async function testStopWhileStarting(program: TestProgram): Promise<void> {
  assertEquals((await outcomeOf(program.spawn(["stopped"]))).code, 143);
}

const cases: readonly [string, (program: TestProgram) => Promise<void>][] = [
  ["exits with success once the daemon is ready", testStart],
  ["shows the daemon's errors and exits with its status", testFailures],
  ["does not wait for what a failed daemon left behind", testHeldPipe],
  ["hands a signal on to a daemon that is not ready", testSignal],
];

for (const [name, test] of cases) {
  Deno.test(`startInBackground() ${name}, from source`, () => test(sourceProgram));
}

Deno.test("startInBackground() compiled", async (t) => {
  using program = new CompiledProgram();
  await t.step(
    "field 16: signals that come before their listeners are not lost, nor is the end",
    () => testHeldSignals(program),
  );
  await t.step(
    "field 16: a start that waits ends on SIGTERM",
    () => testStopWhileStarting(program),
  );
  for (const [name, test] of cases) await t.step(name, () => test(program));
  const forked: TestProgram = {
    name: "forked",
    spawn: ([_daemon, ...args], options) => program.spawn(["forked daemon", ...args], options),
  };
  for (const [name, test] of cases) {
    await t.step(`forkToBackground() ${name}`, () => test(forked));
  }

  await t.step("starts the link that has the role's name", () =>
    withFolder(async (folder) => {
      Deno.symlinkSync(program.path, `${folder}/sm-notify`);
      const args = ["daemon", "serve", `${folder}/life`];
      const options = { args, stdin: "piped", stdout: "piped", stderr: "piped" } as const;
      const calls: [string, Partial<Deno.CommandOptions>][] = [
        [`${folder}/sm-notify`, {}],
        ["./sm-notify", { cwd: folder }],
        ["sm-notify", { env: { PATH: `/usr/bin:${folder}` } }],
      ];
      for (const [calledAs, more] of calls) {
        const starter = new Deno.Command(calledAs, { ...options, ...more }).spawn();
        const { commandLine } = await lifeOf(folder, starter);
        assertEquals(commandLine, [`${folder}/sm-notify`, ...args, ""]);
      }
    }));

  await t.step("says the role where no link has the name", () =>
    withFolder(async (folder) => {
      const life = `${folder}/life`;
      const starter = program.spawn(["--role=sm-notify", "daemon", "serve", life]);
      const { commandLine } = await lifeOf(folder, starter);
      assertEquals(commandLine, [program.path, "--role=sm-notify", "daemon", "serve", life, ""]);
    }));

  await t.step(
    "hands on the environment, but for what steers the runtime",
    () =>
      withFolder(async (folder) => {
        const env = { OWN: "1", DENO_TRACE: "1", LD_PROFILE: "1", NODE_OPTIONS: "1" };
        const starter = program.spawn(["daemon", "serve", `${folder}/life`], { env });
        const { environment } = await lifeOf(folder, starter);
        assertEquals(environment["OWN"], "1");
        const steering = Object.keys(environment).filter((name) => /^(DENO|LD|NODE)_/.test(name));
        assertEquals(steering, []);
      }),
  );

  await t.step("refuses once the file is replaced, and says so", async () => {
    using replaced = new CompiledProgram();
    const { code, stderr } = await outcomeOf(replaced.spawn(["daemon", "replaced", "-"]));
    assertEquals(code, 1);
    assertStringIncludes(stderr, `Cannot start "${replaced.path}" again: the file was replaced`);
  });
});
