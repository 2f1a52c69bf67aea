/** Drop of privileges and permissions by a real process, from source and compiled. Needs root. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  CompiledProgram,
  outcomeOf,
  sourceProgram,
  type TestProgram,
} from "../support/test_programs.ts";

const isRoot = Deno.uid() === 0;
// deno-lint-ignore no-console -- a skipped test says why
if (!isRoot) console.log("skipped: privileges can only be dropped by root");

const UID = 105;
const GID = 65534;

/** Status of a thread as JSON: capability sets are hexadecimal text. */
interface Thread {
  id: number;
  uids: number[];
  gids: number[];
  groups: number[];
  permitted: string;
  effective: string;
  inheritable: string;
  ambient: string;
  bounding: string;
  noNewPrivileges: boolean;
}

interface Report {
  outcome: { kind: string; warnings: string[]; unboundedThreads: number };
  threads: Thread[];
  laterThreads: Thread[];
  childStatus: string;
}

/** Starts a program with the credentials given to setpriv of util-linux. */
function setpriv(args: string[]): Deno.ChildProcess {
  const pipes = { cwd: "/", stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  return new Deno.Command("setpriv", { args, ...pipes }).spawn();
}

/** Runs a test with a directory of a given owner. */
async function withDirectory(
  [uid, gid]: [number, number],
  test: (sm: string) => Promise<void>,
): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.chmodSync(folder, 0o755);
    Deno.mkdirSync(`${folder}/sm`);
    Deno.chownSync(`${folder}/sm`, uid, gid);
    await test(`${folder}/sm`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function dropIn(sm: string, child: Deno.ChildProcess): Promise<Report> {
  const { code, stdout, stderr } = await outcomeOf(child);
  assertEquals([code, stderr], [0, ""], sm);
  return JSON.parse(stdout);
}

function assertIdentity(thread: Thread): void {
  assertEquals(thread.uids, [UID, UID, UID, UID]);
  assertEquals(thread.gids, [GID, GID, GID, GID]);
  assertEquals(thread.groups, []);
}

const MAIN = { permitted: "0x400", effective: "0x400", inheritable: "0x0", ambient: "0x0" };

function assertMainThread(thread: Thread): void {
  assertIdentity(thread);
  const { permitted, effective, inheritable, ambient, bounding, noNewPrivileges } = thread;
  assertEquals({ permitted, effective, inheritable, ambient }, MAIN);
  assertEquals([bounding, noNewPrivileges], ["0x0", true]);
}

function testDrop(program: TestProgram): Promise<void> {
  return withDirectory([UID, GID], async (sm) => {
    const { outcome, threads, laterThreads, childStatus } = await dropIn(
      sm,
      program.spawn(["drop", sm]),
    );
    assertEquals(outcome.kind, "dropped");
    const [main, ...others] = threads;
    assertMainThread(main!);
    for (const other of others) {
      assertIdentity(other);
      assertEquals([other.permitted, other.effective], ["0x0", "0x0"]);
    }
    assertEquals([outcome.warnings, outcome.unboundedThreads], [[], others.length]);
    const known = new Set(threads.map(({ id }) => id));
    for (const thread of laterThreads.filter(({ id }) => !known.has(id))) assertIdentity(thread);
    assertMatch(childStatus, new RegExp(`^Uid:\t${UID}\t${UID}\t${UID}\t${UID}$`, "m"));
    assertMatch(childStatus, /^Groups:\s*$/m);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
      assertMatch(childStatus, new RegExp(`^${set}:\t0+$`, "m"));
    }
    assertMatch(childStatus, /^NoNewPrivs:\t1$/m);
  });
}

/** Checks what the runtime refuses and permits after {@link revokePermissions}. */
async function testRevocation(program: TestProgram): Promise<void> {
  for (const kept of [[], ["keep run"]]) {
    const { stdout, stderr } = await outcomeOf(program.spawn(["revoke", ...kept]));
    const mayRun = kept.length > 0;
    assertEquals(JSON.parse(stdout), {
      revoked: ["ffi", "import", "env", ...(mayRun ? [] : ["run"])],
      library: "NotCapable",
      pointer: "NotCapable",
      environment: "NotCapable",
      process: "NotCapable",
      again: "denied",
      program: mayRun ? "exited" : "notStarted",
      names: 0,
      errors: "LibcError",
      descriptors: true,
      socket: "done",
      interfaces: true,
    }, stderr);
  }
}

Deno.test("revokePermissions() from source", () => testRevocation(sourceProgram));

Deno.test("dropPrivileges() from source", { ignore: !isRoot }, () => testDrop(sourceProgram));

Deno.test("dropPrivileges() and revokePermissions() compiled", { ignore: !isRoot }, async (t) => {
  using program = new CompiledProgram();

  await t.step("gives up what nobody needs who serves", () => testRevocation(program));

  await t.step("drops everything but reserved ports", () => testDrop(program));

  await t.step(
    "happens in the only thread, from which all later ones inherit",
    () =>
      withDirectory([UID, GID], async (sm) => {
        const report = await dropIn(sm, program.spawn(["drop", sm]));
        assertEquals(report.threads.length, 1);
        assertEquals(report.laterThreads.length > 1, true);
        for (const thread of report.laterThreads) assertMainThread(thread);
      }),
  );

  await t.step(
    "leaves reserved ports and the own directory, and nothing of root's",
    () =>
      withDirectory([UID, GID], async (sm) => {
        const { stdout } = await outcomeOf(program.spawn(["bind", sm]));
        assertEquals(JSON.parse(stdout), {
          reservedPort: "done",
          ownFile: "done",
          rootFile: "PermissionDenied",
          lookAtItself: "done",
        });
      }),
  );

  await t.step(
    "stays root where the directory is root's, with a warning",
    () =>
      withDirectory([0, 0], async (sm) => {
        const { outcome, threads, childStatus } = await dropIn(sm, program.spawn(["drop", sm]));
        assertEquals(outcome, {
          kind: "root",
          warnings: [`Running as root.  chown "${sm}" to choose different user`],
          unboundedThreads: 0,
        });
        assertEquals([threads[0]!.uids[1], threads[0]!.bounding], [0, "0x0"]);
        assertMatch(childStatus, /^CapEff:\t0+$/m);
      }),
  );

  await t.step(
    "lets another user be, with a warning if the directory is not his",
    () =>
      withDirectory([UID, GID], async (sm) => {
        for (const uid of [UID, UID + 1]) {
          const options = { uid, gid: GID };
          const { outcome, threads } = await dropIn(sm, program.spawn(["drop", sm], options));
          assertEquals(outcome.kind, "unprivileged");
          assertEquals(outcome.warnings.length, uid === UID ? 0 : 1);
          assertEquals([threads[0]!.permitted, threads[0]!.noNewPrivileges], ["0x0", true]);
        }
      }),
  );

  await t.step("takes from another user what goes beyond reserved ports", () => {
    return withDirectory([UID, GID], async (sm) => {
      const user = ["--reuid", String(UID), "--regid", String(GID), "--clear-groups"];
      const given = "+net_bind_service,+chown";
      const caps = ["--inh-caps", given, "--ambient-caps", given];
      const child = setpriv([...user, ...caps, program.path, "drop", sm]);
      const { outcome, threads } = await dropIn(sm, child);
      assertEquals([outcome.kind, outcome.warnings], ["unprivileged", []]);
      const { permitted, effective, inheritable, ambient } = threads[0]!;
      assertEquals({ permitted, effective, inheritable, ambient }, MAIN);
    });
  });

  await t.step("leaves the bounding set where a container withholds CAP_SETPCAP", () => {
    return withDirectory([UID, GID], async (sm) => {
      const child = setpriv(["--bounding-set", "-setpcap", program.path, "drop", sm]);
      const { outcome, threads } = await dropIn(sm, child);
      assertEquals([outcome.kind, outcome.warnings], ["dropped", []]);
      assertIdentity(threads[0]!);
      const { permitted, effective, inheritable, ambient, noNewPrivileges } = threads[0]!;
      assertEquals({ permitted, effective, inheritable, ambient }, MAIN);
      assertEquals(noNewPrivileges, true);
    });
  });

  await t.step("keeps no right to reserved ports that was not there", () => {
    return withDirectory([UID, GID], async (sm) => {
      const child = setpriv(["--bounding-set", "-net_bind_service", program.path, "drop", sm]);
      const { outcome, threads } = await dropIn(sm, child);
      const { permitted, bounding } = threads[0]!;
      assertEquals([outcome.kind, permitted, bounding], ["dropped", "0x0", "0x0"]);
    });
  });

  await t.step("ends the process where a step fails, and names the capability", () => {
    return withDirectory([UID, GID], async (sm) => {
      for (const name of ["CAP_SETGID", "CAP_SETUID"]) {
        const without = `-${name.slice("CAP_".length).toLowerCase()}`;
        const child = setpriv(["--bounding-set", without, program.path, "drop", sm]);
        const { code, stdout, stderr } = await outcomeOf(child);
        assertEquals([code, stdout], [1, ""]);
        assertStringIncludes(stderr, `EPERM (it needs ${name}, which this process does not have`);
      }
    });
  });
});
