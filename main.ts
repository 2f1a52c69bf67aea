/** Reads how it was called, picks the command, and ends with its exit status; nothing else. */

import { type Invocation, readInvocation } from "./lib/platform/role.ts";

/** Only the modules of the command that runs are loaded. */
async function run(invocation: Invocation): Promise<number> {
  switch (invocation.role) {
    case "statd":
      return await (await import("./lib/commands/statd.ts")).statd(invocation);
    case "sm-notify":
      return await (await import("./lib/commands/sm_notify.ts")).smNotify(invocation);
    case "start-statd":
      return await (await import("./lib/commands/start_statd.ts")).startStatd(invocation);
    case "nsmctl":
      return await (await import("./lib/commands/nsmctl.ts")).nsmctl(invocation);
  }
}

Deno.exit(await run(readInvocation()));
