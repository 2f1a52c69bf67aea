import { assertEquals, assertThrows } from "@std/assert";
import { acceptedCredentials, authNone, authsys_parms, opaque_auth } from "../../lib/rpc/auth.ts";
import { fromBytes, toBytes } from "../../lib/xdr/types.ts";
import { XdrError } from "../../lib/xdr/errors.ts";
import { hex, toHex } from "../support/hex.ts";

const pure = { permissions: "none" } as const;

Deno.test("authNone is two zero words", pure, () => {
  assertEquals(toHex(toBytes(opaque_auth, authNone)), "00000000 00000000");
});

Deno.test("opaque_auth has a body of at most 400 bytes", pure, () => {
  const longest = { flavor: 1, body: new Uint8Array(400).fill(7) };
  assertEquals(fromBytes(opaque_auth, toBytes(opaque_auth, longest)), longest);
  assertThrows(
    () => fromBytes(opaque_auth, hex("00000001 00000191", "00".repeat(404))),
    XdrError,
    "Cannot decode body (opaque<400>) at offset 4: length 401 is above the maximum 400",
  );
});

Deno.test("authsys_parms is stamp, machine name, uid, gid and groups", pure, () => {
  const parms = { stamp: 32, machinename: "client.lab", uid: 1000, gid: 100, gids: [4, 24] };
  const digits = [
    "00000020",
    "0000000a 636c6965 6e742e6c 61620000",
    "000003e8",
    "00000064",
    "00000002 00000004 00000018",
  ].join(" ");
  assertEquals(toHex(toBytes(authsys_parms, parms)), digits);
  assertEquals(fromBytes(authsys_parms, hex(digits)), parms);
});

Deno.test("authsys_parms refuses more than 255 bytes of name or 16 groups", pure, () => {
  const parms = { stamp: 0, machinename: "", uid: 0, gid: 0, gids: [] };
  const longName = { ...parms, machinename: "a".repeat(256) };
  assertThrows(() => toBytes(authsys_parms, longName), XdrError, "machinename (string<255>)");
  const manyGroups = { ...parms, gids: Array.from({ length: 17 }, () => 0) };
  assertThrows(() => toBytes(authsys_parms, manyGroups), XdrError, "gids (unsigned int<16>)");
  const most = { ...parms, machinename: "a".repeat(255), gids: manyGroups.gids.slice(1) };
  assertEquals(fromBytes(authsys_parms, toBytes(authsys_parms, most)), most);
});

Deno.test("acceptedCredentials has AUTH_NONE and AUTH_SYS only", pure, () => {
  assertEquals([...acceptedCredentials.keys()], [0, 1]);
});
