import { assertEquals } from "@std/assert";
import type { AdjustableLog } from "../../lib/log.ts";
import { remembering } from "../../lib/statd/recent_problems.ts";

const pure = { permissions: "none" } as const;

const SILENT: AdjustableLog = {
  threshold: "debug",
  error() {},
  warning() {},
  notice() {},
  info() {},
  debug() {},
};

Deno.test(
  "operator D12: problems are one line for each kind, and say when they ended",
  pure,
  () => {
    let now = 0;
    const { log, problems, counts } = remembering(SILENT, () => now);
    log.warning("Not registered with rpcbind, trying again: refused");
    for (now = 1; now <= 12; now++) {
      log.warning(
        `${now} more messages like this in 60 s: a "${now}"`,
      );
    }
    now = 2_000;
    log.notice("Registered with rpcbind");
    assertEquals(problems.map(({ count, resolvedAt }) => [count, resolvedAt]), [
      [1, "1970-01-01T00:00:02.000Z"],
      [12, undefined],
    ]);
    assertEquals(problems[1]!.message, '12 more messages like this in 60 s: a "12"');
    assertEquals(counts, { error: 0, warning: 13 });
    log.warning("Not registered with rpcbind, trying again: gone");
    assertEquals(problems.map(({ resolvedAt }) => resolvedAt).at(-1), undefined);
  },
);
