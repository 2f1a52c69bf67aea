/**
 * XDR types. A decoded value encodes to the number of bytes read, and decodes to itself; all errors
 * are XdrErrors.
 */

import { assert, assertEquals } from "@std/assert";
import { status } from "../../../lib/protocol/nlm.ts";
import * as nsm from "../../../lib/protocol/nsm.ts";
import { mapping } from "../../../lib/protocol/portmap.ts";
import { rpcb } from "../../../lib/protocol/rpcbind.ts";
import { authsys_parms, opaque_auth } from "../../../lib/rpc/auth.ts";
import { call_header, reply_header } from "../../../lib/rpc/message.ts";
import { XdrError } from "../../../lib/xdr/errors.ts";
import { XdrReader } from "../../../lib/xdr/reader.ts";
import { bool, fromBytes, toBytes, varOpaque, type XdrType } from "../../../lib/xdr/types.ts";
import { auth, call, NSM_ARGUMENTS, reply, RESULTS } from "../messages.ts";
import { pick, type Random, type Target } from "../target.ts";
import { type Field, fixed, mutated, name, noise, text, word } from "../wire.ts";

/** Maximum length of an error message: names of types and fields, and numbers. */
const MESSAGE_MAX = 300;

type Fields = (random: Random) => Field[];

const rpcbFields: Fields = (random) => [
  ...[word(100024), word(1)],
  ...[text(pick(random, ["udp", "tcp6"])), text(name(random)), text(name(random))],
];
const groups: Fields = (random) => {
  const count = random(18);
  return [word(count), ...Array.from({ length: count }, () => word(random(2 ** 32)))];
};

const TYPES: readonly (readonly [XdrType<unknown>, Fields])[] = [
  [nsm.sm_name, NSM_ARGUMENTS[1]!],
  [nsm.mon, NSM_ARGUMENTS[2]!],
  [nsm.mon_id, NSM_ARGUMENTS[3]!],
  [nsm.my_id, NSM_ARGUMENTS[4]!],
  [nsm.stat_chge, NSM_ARGUMENTS[6]!],
  [nsm.sm_stat_res, RESULTS[1]!],
  [nsm.sm_stat, RESULTS[2]!],
  [status, (random) => [text(name(random)), word(random(9)), fixed(noise(random, 16))]],
  [mapping, () => [word(100024), word(1), word(17), word(0)]],
  [rpcb, rpcbFields],
  [opaque_auth, auth],
  [authsys_parms, (random) => [word(1), text("host"), word(0), word(0), ...groups(random)]],
  [call_header, (random) => call(random, [100024, 1, 0])],
  [reply_header, (random) => reply(random, 5, 0)],
  [varOpaque(8), (random) => [text(noise(random, random(10)))]],
  [bool, (random) => [word(random(3))]],
] as readonly (readonly [XdrType<unknown>, Fields])[];

function run(input: Uint8Array): void {
  const [type] = TYPES[input[0]! % TYPES.length]!;
  const bytes = input.slice(1);
  const reader = new XdrReader(bytes);
  let value: unknown;
  try {
    value = type.decode(reader);
  } catch (error) {
    assert(error instanceof XdrError, `${error}`);
    assert(error.message.length < MESSAGE_MAX && error.operation === "decode", error.message);
    return;
  }
  const encoded = toBytes(type, value);
  assertEquals(encoded.length, reader.offset, type.label);
  assertEquals(fromBytes(type, encoded), value, type.label);
  bytes.fill(0xee);
  assertEquals(toBytes(type, value), encoded, `${type.label} aliases its input`);
}

export const xdr: Target = {
  name: "XDR types",
  inputs: 14_000,
  generate(random) {
    const index = random(TYPES.length);
    return Uint8Array.of(index, ...mutated(TYPES[index]![1](random), random));
  },
  open: () => ({ run: (input) => input.length > 0 ? run(input) : undefined }),
};
