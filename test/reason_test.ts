import { assertEquals } from "@std/assert";
import { messageOf, reasonOf } from "../lib/reason.ts";

const pure = { permissions: "none" } as const;

const ERRORS: readonly [unknown, string, string][] = [
  [new Error("it is too short"), "it is too short", "it is too short"],
  ["a text", "a text", "a text"],
  [undefined, "undefined", "undefined"],
  [
    new Error("Permission denied (os error 13): open '/x'"),
    "Permission denied (os error 13): open '/x'",
    "Permission denied (os error 13)",
  ],
  [
    new Error("line 1\nNo space left on device (os error 28), write"),
    "line 1\nNo space left on device (os error 28), write",
    "line 1\nNo space left on device (os error 28)",
  ],
];

for (const [error, message, reason] of ERRORS) {
  Deno.test(`text of an error: ${JSON.stringify(String(error))}`, pure, () => {
    assertEquals([messageOf(error), reasonOf(error)], [message, reason]);
  });
}
