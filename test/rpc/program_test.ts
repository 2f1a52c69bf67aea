/**
 * Requirements of the compiler on users of a program's table. The test is that these lines compile,
 * and that the marked ones do not.
 */

import { encodeCall } from "../support/rpc_messages.ts";
import { service } from "../../lib/rpc/dispatch.ts";
import { type Handlers, NO_REPLY, program, type Refusals } from "../../lib/rpc/program.ts";
import { int, nothing, string } from "../../lib/xdr/types.ts";

const pure = { permissions: "none" } as const;

const table = program("test", 1, 1, {
  NULL: { number: 0, args: nothing, result: nothing, from: "any" },
  LENGTH: { number: 1, args: string(8), result: int, from: "local" },
});
type Table = typeof table;

Deno.test("Handlers demands one function for each row, with its types", pure, () => {
  const good: Handlers<Table> = { NULL: () => {}, LENGTH: (args) => args.length };
  const later: Handlers<Table> = {
    NULL: async () => {},
    LENGTH: (args) => Promise.resolve(args.length),
  };
  const silent: Handlers<Table> = { NULL: () => NO_REPLY, LENGTH: () => Promise.resolve(NO_REPLY) };
  // @ts-expect-error: LENGTH is missing
  const missing: Handlers<Table> = { NULL: () => {} };
  // @ts-expect-error: the result is a number
  const wrong: Handlers<Table> = { NULL: () => {}, LENGTH: (args) => args };
  // @ts-expect-error: there is no such row
  const surplus: Handlers<Table> = { NULL: () => {}, LENGTH: () => 1, MORE: () => {} };
  void [good, later, silent, missing, wrong, surplus];
});

Deno.test("Refusals demands one function for each row that is not for any", pure, () => {
  const good: Refusals<Table> = { LENGTH: () => -1 };
  // @ts-expect-error: LENGTH is missing
  const missing: Refusals<Table> = {};
  // @ts-expect-error: anybody may call NULL
  const surplus: Refusals<Table> = { LENGTH: () => -1, NULL: () => {} };
  void [good, missing, surplus];
});

Deno.test("service() accepts only handlers that fit the table", pure, () => {
  service(table, { NULL: () => {}, LENGTH: (args) => args.length }, { LENGTH: () => -1 });
  // @ts-expect-error: a handler is missing
  service(table, { NULL: () => {} }, { LENGTH: () => -1 });
});

Deno.test("encodeCall() accepts only the row's own arguments", pure, () => {
  encodeCall(table, "LENGTH", "abc", 1);
  encodeCall(table, "NULL", undefined, 1);
  // @ts-expect-error: there is no such row
  const wrongName = () => encodeCall(table, "MORE", "abc", 1);
  // @ts-expect-error: the argument is a string
  const wrongArgs = () => encodeCall(table, "LENGTH", 5, 1);
  void [wrongName, wrongArgs];
});
