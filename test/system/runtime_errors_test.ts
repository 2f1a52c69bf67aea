/**
 * Errors of the runtime before our first instruction: each program ends, changes no record, and the
 * symptom table in README has the runtime's words.
 */

import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { OUR_NSMCTL } from "../support/nsmctl_host.ts";
import { OUR_SM_NOTIFY, OUR_STATD, systemTest } from "../support/system_test.ts";

const README = Deno.readTextFileSync(new URL("../../README.md", import.meta.url));

/**
 * Condition: shell commands before the program, the runtime's words, and words of README's remedy.
 */
interface Condition {
  readonly name: string;
  readonly commands: string;
  readonly says: string;
  readonly remedy: string;
}

/** RLIMIT_DATA and RLIMIT_AS in KiB: 512 MiB and 32 GiB. */
const CONDITIONS: readonly Condition[] = [
  {
    name: "portability 2: where 0.6 GB may not be committed",
    commands: "ulimit -d 524288",
    says: "CodeRange",
    remedy: "vm.overcommit_memory=2",
  },
  {
    name: "portability 2: where the address space is limited",
    commands: "ulimit -v 33554432",
    says: "CagedHeap reservation",
    remedy: "LimitAS=",
  },
  {
    name: "in a working directory that was removed",
    commands: "mkdir /run/gone; cd /run/gone; rmdir /run/gone",
    says: "error: No such file or directory (os error 2)",
    remedy: "cd /",
  },
  {
    name: "without /proc",
    commands: "mount -t tmpfs none /proc",
    says: "Failed reading standalone binary section",
    remedy: "/proc",
  },
];

const PROGRAMS = [[OUR_STATD, "-F", "-d"], [OUR_SM_NOTIFY, "-d"], [OUR_NSMCTL, "status"]];

/** Rows of README's symptom table: symptom, and cause with remedy. */
const ROWS = [...README.matchAll(/^\| (.*?) +\| (.*?) +\|$/gm)].map(([, symptom, cause]) => ({
  symptom: symptom!,
  cause: cause!,
}));

for (const { name, commands, says, remedy } of CONDITIONS) {
  systemTest(
    `${name} every program ends with a message that README explains`,
    [OUR_STATD, OUR_SM_NOTIFY, OUR_NSMCTL],
    async (newHost) => {
      const [row, ...others] = ROWS.filter(({ symptom }) => symptom.includes(says));
      assert(row !== undefined && others.length === 0, `README has ${says} once`);
      assertStringIncludes(row.cause, remedy);
      const host = await newHost();
      await host.write("/var/lib/nfs/sm/10.99.9.1", "a record");
      const script = `${commands}; exec "$@"`;
      for (const command of PROGRAMS) {
        const started = ["unshare", "--mount", "sh", "-c", script, "sh", ...command];
        const { code, stderr } = await host.run("env", "NO_COLOR=1", ...started);
        assertStringIncludes(stderr, says, command[0]);
        assertNotEquals(code, 0, command[0]);
      }
      const left = Array.from(Deno.readDirSync(host.path("/var/lib/nfs/sm")), ({ name }) => name);
      assertEquals(left, ["10.99.9.1"]);
    },
  );
}
