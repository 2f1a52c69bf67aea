/**
 * Reads how it was called, picks the command, and ends with its exit status. Before that it sees to what
 * holds from the first instruction on: errors that nobody handles, signals, the environment.
 */

import { dropSteeringVariables } from "./lib/platform/environment.ts";
import { execute } from "./lib/platform/execute.ts";
import { endBy, endOnUncaughtErrors } from "./lib/platform/fatal.ts";
import { takeName } from "./lib/platform/process_name.ts";
import { commandLine, type Invocation, readInvocation, type Role } from "./lib/platform/role.ts";
import { holdSignals } from "./lib/platform/signals.ts";
import { complain } from "./lib/platform/standard_streams.ts";
import { missingSurroundings } from "./lib/platform/surroundings.ts";

/** Roles that hold signals, and that have to say in one line what is missing. */
const DAEMONS: readonly Role[] = ["statd", "sm-notify", "rpcbind"];

/** Only the modules of the command that runs are loaded. */
async function run(invocation: Invocation): Promise<number> {
  switch (invocation.role) {
    case "statd":
      return await (await import("./lib/commands/statd.ts")).statd(invocation);
    case "sm-notify":
      return await (await import("./lib/commands/sm_notify.ts")).smNotify(invocation);
    case "start-statd":
      return await (await import("./lib/commands/start_statd.ts")).startStatd(invocation);
    case "rpcbind":
      return await (await import("./lib/commands/rpcbind.ts")).rpcbind(invocation);
    case "nsmctl":
      return await (await import("./lib/commands/nsmctl.ts")).nsmctl(invocation);
  }
}

/** The rest of the process' life; the daemons alone answer signals, the others end by them. */
async function main(): Promise<number> {
  const invocation = readInvocation();
  endOnUncaughtErrors(invocation.programName);
  if (DAEMONS.includes(invocation.role)) {
    holdSignals();
    const missing = missingSurroundings();
    if (missing !== undefined) {
      complain(`${invocation.programName}: ${missing}`);
      return 1;
    }
  }
  if (Deno.build.standalone && dropSteeringVariables().hasLastingEffect) {
    execute(Deno.execPath(), commandLine(), Deno.env.toObject());
  }
  const { programName, calledAs, args } = invocation;
  if (Deno.build.standalone && !calledAs.endsWith(programName)) takeName(programName, args);
  return await run(invocation);
}

try {
  Deno.exit(await main());
} catch (error) {
  endBy(error, "nsm");
}
