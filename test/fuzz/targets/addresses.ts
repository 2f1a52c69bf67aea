/** Universal addresses, numeric addresses, and the display of foreign text. */

import { assert, assertEquals } from "@std/assert";
import {
  fromUniversalAddress,
  toUniversalAddress,
} from "../../../lib/protocol/universal_address.ts";
import { quote } from "../../../lib/quote.ts";
import {
  addressBytes,
  isLinkLocal,
  isLoopback,
  normaliseAddress,
  sourceNetwork,
} from "../../../lib/rpc/address.ts";
import { mutateBytes, mutateText } from "../mutate.ts";
import { onceIn, pick, type Target, toBytes, toText } from "../target.ts";
import { name } from "../wire.ts";

const ADDRESSES = [
  ...["192.0.2.1", "127.0.0.1", "127.2", "0x7f000001", "010.0.0.1", "255.255.255.255", "0.0.0.0"],
  ...["::", "::1", "fe80::1%lo", "fe80::1%25eth0", "2001:db8::1", "1:2:3:4:5:6:7:8", "::ffff:0:0"],
  ...[
    "::ffff:192.0.2.1",
    "::ffff:127.0.0.1",
    "1::2::3",
    "::1.2.3.4",
    "FE80::A",
    ":::",
    "::1%",
    "%",
  ],
];
const PARTS = [
  ...ADDRESSES,
  ":",
  "::",
  ".",
  "%",
  "0",
  "00",
  "ffff",
  "12345",
  "256",
  "-1",
  "1e3",
  " ",
];

/** Maximum length of quoted text: per character, and for the quotes. */
const QUOTED_MAX = 256 * 4 + 3;

function run(input: Uint8Array): void {
  const text = toText(input);
  const endpoint = fromUniversalAddress(text);
  if (endpoint !== undefined) {
    assert(endpoint.port >= 0 && endpoint.port <= 65535, `port ${endpoint.port}`);
    assert(Number.isInteger(endpoint.port) && endpoint.address !== "");
    if (!endpoint.address.includes("%")) {
      assertEquals(fromUniversalAddress(toUniversalAddress(endpoint)), endpoint);
    }
  }
  const normal = normaliseAddress(text);
  const bytes = addressBytes(text);
  assertEquals(bytes === undefined, normal === undefined);
  const quoted = quote(text);
  assert(/^"[ -~]*"…?$/.test(quoted) && quoted.length <= QUOTED_MAX, quoted);
  if (normal === undefined || bytes === undefined) {
    assert(!isLoopback(text) || text === "127.0.0.1" || text === "::1");
    return;
  }
  assertEquals(normaliseAddress(normal), normal, "the normal form has another one");
  assertEquals(addressBytes(normal), bytes);
  assert(bytes.length === (normal.includes(":") ? 16 : 4));
  assert(bytes.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255));
  const isLocal = bytes.length === 4
    ? bytes[0] === 127
    : bytes.every((byte, i) => byte === (i === 15 ? 1 : 0));
  assertEquals(isLoopback(text), isLocal);
  assertEquals(
    isLinkLocal(normal),
    bytes.length === 16 && bytes[0] === 0xfe && bytes[1]! >> 6 === 2,
  );
  assert(sourceNetwork(normal).length <= 45);
}

export const addresses: Target = {
  name: "addresses",
  inputs: 8_000,
  generate(random) {
    let text = onceIn(random, 10) ? name(random) : pick(random, ADDRESSES);
    if (onceIn(random, 2)) text += `.${random(300)}.${random(300)}`;
    text = mutateText(text, random, PARTS);
    return onceIn(random, 4) ? mutateBytes(toBytes(text), random) : toBytes(text);
  },
  open: () => ({ run }),
};
