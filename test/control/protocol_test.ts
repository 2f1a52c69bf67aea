import { assertEquals } from "@std/assert";
import { parseRequest } from "../../lib/control/protocol.ts";

const pure = { permissions: "none" } as const;

Deno.test("parseRequest() takes the five commands", pure, () => {
  assertEquals(parseRequest('{"command":"status","x":1}'), { command: "status" });
  assertEquals(parseRequest('{"command":"list"}'), { command: "list" });
  assertEquals(parseRequest('{"command":"register"}'), { command: "register" });
  assertEquals(parseRequest('{"command":"forget","peers":["a"],"by":"root"}'), {
    command: "forget",
    peers: ["a"],
    by: "root",
  });
  assertEquals(parseRequest('{"command":"declareRebooted","peer":"a"}'), {
    command: "declareRebooted",
    peer: "a",
    by: "somebody",
  });
});

Deno.test("parseRequest() names the fault of anything else", pure, () => {
  const bad = [
    "",
    "{",
    "null",
    "[]",
    "1",
    "{}",
    '{"command":"stop"}',
    '{"command":"forget"}',
    '{"command":"forget","peers":"a"}',
    '{"command":"forget","peers":[1]}',
    '{"command":"declareRebooted"}',
    '{"command":{"toString":1}}',
  ];
  for (const line of bad) assertEquals(typeof parseRequest(line), "string", line);
});
