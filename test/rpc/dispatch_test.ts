import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { dispatcher, service, type Verdict } from "../../lib/rpc/dispatch.ts";
import { type Answer, NO_REPLY, program } from "../../lib/rpc/program.ts";
import type { Caller } from "../../lib/rpc/transport.ts";
import { XdrError } from "../../lib/xdr/errors.ts";
import { struct } from "../../lib/xdr/struct.ts";
import { int, nothing, string } from "../../lib/xdr/types.ts";
import { hex, toHex } from "../support/hex.ts";

const pure = { permissions: "none" } as const;
const caller: Caller = { address: "192.0.2.7", port: 1023, netid: "udp", isLocal: false };

const echo = struct("echo", { name: string(8), number: int });
const procedures = {
  NULL: { number: 0, args: nothing, result: nothing, from: "any" },
  ECHO: { number: 1, args: echo, result: echo, from: "local" },
  COUNT: { number: 7, args: int, result: int, from: "any" },
} as const;
const second = program("test", 200_000, 2, procedures);
const fourth = program("test", 200_000, 4, { NULL: procedures.NULL });
const other = program("other", 200_001, 9, { NULL: procedures.NULL });

type Count = Answer<typeof procedures.COUNT>;

/** Dispatcher of the three programs, and the calls of its hooks. */
class Bench {
  verdict: Verdict | (() => Verdict | Promise<Verdict>) = "accept";
  count: (args: number) => Count | Promise<Count> = (args) => args + 1;
  refusal = () => ({ name: "refused", number: -1 });
  readonly events: unknown[][] = [];

  readonly respond = dispatcher([
    service(second, {
      NULL: () => {},
      ECHO: (args, caller) => {
        this.events.push(["ECHO", args, caller]);
        return args;
      },
      COUNT: (args) => this.count(args),
    }, { ECHO: () => this.refusal() }),
    service(fourth, { NULL: () => {} }),
    service(other, { NULL: () => {} }),
  ], {
    access: (procedure, name, caller) => {
      this.events.push(["access", procedure.from, name, caller]);
      return typeof this.verdict === "function" ? this.verdict() : this.verdict;
    },
    handlerFailed: (...event) => this.events.push(["failed", ...event]),
    garbage: (...event) => this.events.push(["garbage", ...event]),
  });

  /** The reply as hex, "silence", or "later" where it is not there at once. */
  reply(...call: readonly string[]): string {
    const reply = this.respond(hex(...call), caller);
    if (reply instanceof Promise) return "later";
    return reply === undefined ? "silence" : toHex(reply);
  }
}

const XID = "0000000a";
const CALL = "00000000";
const RPC = "00000002";
const PROG = "00030d40";
const VERS = "00000002";
const NONE = "00000000 00000000 00000000 00000000";
const ECHO_ARGS = "00000002 61620000 00000005";
/** xid, REPLY, MSG_ACCEPTED, AUTH_NONE. */
const ACCEPTED = `${XID} 00000001 00000000 00000000 00000000`;
/** xid, REPLY, MSG_DENIED. */
const DENIED = `${XID} 00000001 00000001`;

// One test for each outcome, in the order of decision. Each call also has the errors that are
// checked later.

Deno.test("dispatch does not answer messages that are no calls", pure, () => {
  const bench = new Bench();
  assertEquals(bench.reply(""), "silence");
  assertEquals(bench.reply(XID), "silence");
  assertEquals(bench.reply(XID, "00000001", "00000000", NONE), "silence");
  assertEquals(bench.reply(XID, "00000002", "00000003"), "silence");
  assertEquals(bench.events, []);
});

Deno.test("dispatch does not answer a call with a broken header", pure, () => {
  const bench = new Bench();
  const header = [XID, CALL, RPC, PROG, VERS, "00000000", NONE].join("").replaceAll(" ", "");
  for (let length = 0; length < header.length; length += 2) {
    assertEquals(bench.reply(header.slice(0, length)), "silence");
  }
  const longCredential = ["00000000 00000191", "00".repeat(404), "00000000 00000000"];
  assertEquals(bench.reply(XID, CALL, RPC, PROG, VERS, "00000000", ...longCredential), "silence");
  assertEquals(bench.events, []);
});

Deno.test("dispatch answers another RPC version with RPC_MISMATCH", pure, () => {
  for (const version of ["00000000", "00000001", "00000003", "ffffffff"]) {
    const reply = `${DENIED} 00000000 00000002 00000002`;
    assertEquals(new Bench().reply(XID, CALL, version, "00000001"), reply);
  }
});

Deno.test("dispatch answers an unknown kind of credential with AUTH_REJECTEDCRED", pure, () => {
  for (const flavor of ["00000002", "00000006", "00000063", "ffffffff"]) {
    const cred = `${flavor} 00000000 00000000 00000000`;
    const reply = new Bench().reply(XID, CALL, RPC, "00000001", "00000009", "00000009", cred);
    assertEquals(reply, `${DENIED} 00000001 00000002`);
  }
});

Deno.test("dispatch answers a malformed AUTH_SYS body with AUTH_BADCRED", pure, () => {
  const bodies = [
    "00000000",
    "00000004 00000000",
    // A machine name of 256 bytes.
    `00000110 00000000 00000100 ${"61".repeat(256)} 00000000 00000000`,
    // Seventeen groups.
    `00000058 00000000 00000000 00000000 00000000 00000011 ${"00000000".repeat(17)}`,
  ];
  for (const body of bodies) {
    const cred = `00000001 ${body} 00000000 00000000`;
    const reply = new Bench().reply(XID, CALL, RPC, "00000001", "00000009", "00000009", cred);
    assertEquals(reply, `${DENIED} 00000001 00000001`, body);
  }
});

Deno.test("dispatch answers another program with PROG_UNAVAIL", pure, () => {
  const reply = new Bench().reply(XID, CALL, RPC, "00030d42", "00000009", "00000009", NONE);
  assertEquals(reply, `${ACCEPTED} 00000001`);
});

Deno.test("dispatch answers another version with PROG_MISMATCH and the range served", pure, () => {
  for (const version of ["00000000", "00000003", "00000005", "ffffffff"]) {
    const reply = new Bench().reply(XID, CALL, RPC, PROG, version, "00000009", NONE);
    assertEquals(reply, `${ACCEPTED} 00000002 00000002 00000004`);
  }
  const reply = new Bench().reply(XID, CALL, RPC, "00030d41", "00000008", "00000009", NONE);
  assertEquals(reply, `${ACCEPTED} 00000002 00000009 00000009`);
});

Deno.test("dispatch answers another procedure with PROC_UNAVAIL", pure, () => {
  const bench = new Bench();
  for (const procedure of ["00000002", "00000008", "ffffffff"]) {
    assertEquals(
      bench.reply(XID, CALL, RPC, PROG, VERS, procedure, NONE),
      `${ACCEPTED} 00000003`,
    );
  }
  // Version 4 has a table of its own.
  assertEquals(
    bench.reply(XID, CALL, RPC, PROG, "00000004", "00000001", NONE),
    `${ACCEPTED} 00000003`,
  );
  assertEquals(bench.events, []);
});

Deno.test("dispatch asks the access rule before it reads arguments", pure, () => {
  const verdicts: [Verdict, string][] = [
    ["ignore", "silence"],
    ["deny", `${DENIED} 00000001 00000007`],
    ["refuse", `${ACCEPTED} 00000000 00000007 72656675 73656400 ffffffff`],
  ];
  for (const [verdict, expected] of verdicts) {
    const bench = new Bench();
    bench.verdict = verdict;
    assertEquals(bench.reply(XID, CALL, RPC, PROG, VERS, "00000001", NONE), expected);
    assertEquals(bench.events, [["access", "local", "ECHO", caller]]);
  }
});

Deno.test("dispatch denies a refused call of a procedure that has no refusal", pure, () => {
  const bench = new Bench();
  bench.verdict = "refuse";
  assertEquals(
    bench.reply(XID, CALL, RPC, PROG, VERS, "00000007", NONE),
    `${DENIED} 00000001 00000007`,
  );
});

Deno.test("dispatch answers arguments that do not decode with GARBAGE_ARGS", pure, () => {
  for (const args of ["", "00000009", "00000002 61620000", "00000002 61620000 000000"]) {
    const bench = new Bench();
    const reply = bench.reply(XID, CALL, RPC, PROG, VERS, "00000001", NONE, args);
    assertEquals(reply, `${ACCEPTED} 00000004`);
    const [kind, name, from, error] = bench.events[1]!;
    assertEquals([kind, name, from], ["garbage", "ECHO", caller]);
    assertInstanceOf(error, XdrError);
  }
});

Deno.test(
  "dispatch passes arguments and caller to the handler, and encodes its result",
  pure,
  () => {
    const bench = new Bench();
    assertEquals(
      bench.reply(XID, CALL, RPC, PROG, VERS, "00000001", NONE, ECHO_ARGS),
      `${ACCEPTED} 00000000 ${ECHO_ARGS}`,
    );
    assertEquals(bench.events[1], ["ECHO", { name: "ab", number: 5 }, caller]);
  },
);

Deno.test("dispatch ignores bytes after the arguments", pure, () => {
  const surplus = "00112233 44556677 8899aabb ccddeeff";
  const bench = new Bench();
  assertEquals(
    bench.reply(XID, CALL, RPC, PROG, VERS, "00000001", NONE, ECHO_ARGS, surplus),
    `${ACCEPTED} 00000000 ${ECHO_ARGS}`,
  );
  assertEquals(
    bench.reply(XID, CALL, RPC, PROG, VERS, "00000000", NONE, surplus),
    `${ACCEPTED} 00000000`,
  );
});

Deno.test("dispatch accepts AUTH_SYS, with any verifier", pure, () => {
  const parms = "00000020 0000000a 636c6965 6e742e6c 61620000 00000000 00000000 00000000";
  const cred = `00000001 00000020 ${parms} 00000063 00000004 01020304`;
  const reply = new Bench().reply(XID, CALL, RPC, PROG, VERS, "00000000", cred);
  assertEquals(reply, `${ACCEPTED} 00000000`);
});

Deno.test("dispatch answers with the xid of the call, including zero", pure, () => {
  for (const xid of ["00000000", "ffffffff", "80000001"]) {
    const reply = new Bench().reply(xid, CALL, RPC, PROG, VERS, "00000000", NONE);
    assertEquals(reply, `${xid} 00000001 00000000 00000000 00000000 00000000`);
  }
});

Deno.test("dispatch answers at once unless the handler returns a promise", pure, async () => {
  const bench = new Bench();
  const call = hex(XID, CALL, RPC, PROG, VERS, "00000007", NONE, "00000004");
  assert(bench.respond(call, caller) instanceof Uint8Array);
  const first = Promise.withResolvers<number>();
  bench.count = (args) => args === 4 ? first.promise : args;
  const later = bench.respond(call, caller);
  assertInstanceOf(later, Promise);
  // Another call is served meanwhile, and overwrites the receive buffer.
  const between = hex(XID, CALL, RPC, PROG, VERS, "00000007", NONE, "00000009");
  assertEquals(
    toHex(bench.respond(between, caller) as Uint8Array),
    `${ACCEPTED} 00000000 00000009`,
  );
  call.fill(0xee);
  first.resolve(77);
  assertEquals(toHex((await later)!), `${ACCEPTED} 00000000 0000004d`);
});

Deno.test("dispatch sends no reply if the handler returns NO_REPLY", pure, async () => {
  const bench = new Bench();
  bench.count = () => NO_REPLY;
  const call = [XID, CALL, RPC, PROG, VERS, "00000007", NONE, "00000004"];
  assertEquals(bench.reply(...call), "silence");
  bench.count = () => Promise.resolve(NO_REPLY);
  assertEquals(await bench.respond(hex(...call), caller), undefined);
});

Deno.test("dispatch answers a handler that throws with SYSTEM_ERR", pure, async () => {
  const bench = new Bench();
  const bug = new Error("a bug");
  const call = [XID, CALL, RPC, PROG, VERS, "00000007", NONE, "00000004"];
  bench.count = () => {
    throw bug;
  };
  assertEquals(bench.reply(...call), `${ACCEPTED} 00000005`);
  bench.count = () => Promise.reject(bug);
  assertEquals(toHex((await bench.respond(hex(...call), caller))!), `${ACCEPTED} 00000005`);
  const failures = bench.events.filter(([kind]) => kind === "failed");
  assertEquals(failures.map((event) => event.slice(1, 3)), [["COUNT", caller], ["COUNT", caller]]);
  for (const [, , , error] of failures) assertStrictEquals(error, bug);
});

Deno.test("dispatch answers a result that has no encoding with SYSTEM_ERR", pure, async () => {
  const bench = new Bench();
  const call = [XID, CALL, RPC, PROG, VERS, "00000007", NONE, "00000004"];
  bench.count = () => 2 ** 40;
  assertEquals(bench.reply(...call), `${ACCEPTED} 00000005`);
  bench.count = () => Promise.resolve(0.5);
  assertEquals(toHex((await bench.respond(hex(...call), caller))!), `${ACCEPTED} 00000005`);
});

Deno.test("dispatch answers a refusal or access rule that throws with SYSTEM_ERR", pure, () => {
  const bench = new Bench();
  bench.verdict = "refuse";
  bench.refusal = () => {
    throw new Error("cannot read the state number");
  };
  const call = [XID, CALL, RPC, PROG, VERS, "00000001", NONE, ECHO_ARGS];
  assertEquals(bench.reply(...call), `${ACCEPTED} 00000005`);
  bench.verdict = () => {
    throw new Error("a bug");
  };
  assertEquals(bench.reply(...call), `${ACCEPTED} 00000005`);
  assertEquals(bench.events.filter(([kind]) => kind === "failed").length, 2);
});

Deno.test("dispatch replies do not share memory", pure, () => {
  const bench = new Bench();
  const call = hex(XID, CALL, RPC, PROG, VERS, "00000007", NONE, "00000004");
  const first = bench.respond(call, caller) as Uint8Array;
  bench.count = () => -1;
  bench.respond(call, caller);
  assertEquals(toHex(first), `${ACCEPTED} 00000000 00000005`);
});

Deno.test("dispatch waits for an asynchronous access rule", pure, async () => {
  const bench = new Bench();
  const call = hex(XID, CALL, RPC, PROG, VERS, "00000007", NONE, "00000004");
  let decide: (verdict: Verdict) => void = () => {};
  bench.verdict = () => new Promise((resolve) => decide = resolve);
  for (
    const [verdict, reply] of [["accept", `${ACCEPTED} 00000000 00000005`], [
      "deny",
      `${DENIED} 00000001 00000007`,
    ]] as const
  ) {
    const received = call.slice();
    const answered = bench.respond(received, caller);
    assertInstanceOf(answered, Promise);
    received.fill(0xff); // the buffer is overwritten meanwhile
    decide(verdict);
    assertEquals(toHex((await answered)!), reply);
  }
});
