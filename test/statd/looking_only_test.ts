/** Requests that members of status-group may make: looking only. */

import { assertEquals, assertRejects } from "@std/assert";
import type { ControlRequest } from "../../lib/control/protocol.ts";
import { type ControlActions, lookingOnly } from "../../lib/statd/control_server.ts";

Deno.test("lookingOnly() passes on status and list, and refuses all other commands", async () => {
  const asked: string[] = [];
  const actions: ControlActions = {
    list: () => [[]],
    answer(request) {
      asked.push(request.command);
      return Promise.resolve({ ok: true });
    },
  };
  const looking = lookingOnly(actions);
  assertEquals([...looking.list()], [[]]);
  assertEquals(await looking.answer({ command: "status", look: true }), { ok: true });
  const others = [
    { command: "register" },
    { command: "forget", peers: ["a"], by: "me" },
    { command: "declareRebooted", peer: "a", by: "me" },
    { command: "identity" },
  ] as unknown as Exclude<ControlRequest, { command: "list" }>[];
  for (const request of others) {
    await assertRejects(() => looking.answer(request), Error, "needs root");
  }
  assertEquals(asked, ["status"]);
});
