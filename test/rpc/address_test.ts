import { assertEquals } from "@std/assert";
import {
  isLinkLocal,
  isLoopback,
  normaliseAddress,
  putDotted,
  sourceNetwork,
} from "../../lib/rpc/address.ts";
import { seededRandom } from "../support/seeded_random.ts";

const pure = { permissions: "none" } as const;

const SAME = "unchanged";
const examples: readonly (readonly [string, string | undefined])[] = [
  // IPv4
  ["192.0.2.1", SAME],
  ["0.0.0.0", SAME],
  ["255.255.255.255", SAME],
  ["127.2", undefined],
  ["0x7f000001", undefined],
  ["2130706433", undefined],
  ["010.0.0.1", undefined],
  ["1.2.3.256", undefined],
  ["1.2.3", undefined],
  ["1.2.3.4.", undefined],
  ["1.2.3.4.5", undefined],
  [".1.2.3.4", undefined],
  ["1..2.3", undefined],
  ["1.2.3.4%lo", undefined],
  [" 1.2.3.4", undefined],
  ["1.2.3.4\n", undefined],
  ["127.0.0.1.example.net", undefined],
  ["", undefined],
  ["nodeb", undefined],
  ["１.2.3.4", undefined],
  // IPv6, RFC 5952 section 4 and errors
  ["::", SAME],
  ["::1", SAME],
  ["1::", SAME],
  ["2001:DB8::A", "2001:db8::a"],
  ["2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"],
  ["2001:db8:0:1:1:1:1:1", SAME],
  ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["0:0:0:0:0:0:0:0", "::"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
  ["1:2:3:4:5:6:7:8::", undefined],
  ["::1:2:3:4:5:6:7:8", undefined],
  ["1:2:3:4::5:6:7:8", undefined],
  ["1:2:3:4:5:6:7", undefined],
  ["1:2:3:4:5:6:7:8:9", undefined],
  ["1::2::3", undefined],
  [":::", undefined],
  [":1", undefined],
  ["1:", undefined],
  [":1:2:3:4:5:6:7", undefined],
  ["12345::", undefined],
  ["g::", undefined],
  ["[::1]", undefined],
  [":", undefined],
  // dotted decimal inside
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["::FFFF:c000:201", "192.0.2.1"],
  ["0:0:0:0:0:ffff:127.0.0.1", "127.0.0.1"],
  ["::ffff:0.0.0.0", "0.0.0.0"],
  ["::192.0.2.1", "::c000:201"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
  ["1:2:3:4:5:6:7:1.2.3.4", undefined],
  ["1.2.3.4::", undefined],
  ["::1.2.3.4:5", undefined],
  ["::ffff:1.2.3", undefined],
  ["::ffff:01.2.3.4", undefined],
  // scopes
  ["fe80::1%eth0", SAME],
  ["FE80::1%Eth0.5", "fe80::1%Eth0.5"],
  ["fe80::1%2", SAME],
  ["fe80::1%", undefined],
  ["fe80::1%a%b", undefined],
  ["fe80::1%a/b", undefined],
  ["fe80::1%a b", undefined],
  ["fe80::1%abcdefghijklmnop", undefined],
  ["::ffff:1.2.3.4%lo", undefined],
  ["%eth0", undefined],
];

Deno.test("putDotted() accepts the same IPv4 addresses as normaliseAddress()", pure, () => {
  for (const [text, normal] of examples) {
    const bytes = new Uint8Array(6);
    const isIpv4 = normal === SAME && !text.includes(":");
    assertEquals(putDotted(text, bytes, 1), isIpv4, text);
    if (isIpv4) assertEquals(bytes.join("."), `0.${text}.0`);
  }
  for (
    const part of ["0", "9", "10", "255", "256", "1000", "01", "00", "-1", "1e1", "/", ":", ""]
  ) {
    for (const text of [`${part}.1.2.3`, `1.2.3.${part}`]) {
      assertEquals(putDotted(text, new Uint8Array(4), 0), normaliseAddress(text) === text, text);
    }
  }
});

Deno.test("normaliseAddress() has one spelling for each address", pure, () => {
  for (const [text, expected] of examples) {
    assertEquals(normaliseAddress(text), expected === SAME ? text : expected, text);
  }
});

Deno.test("normaliseAddress() is idempotent", pure, () => {
  for (const [text] of examples) {
    const normal = normaliseAddress(text);
    if (normal !== undefined) assertEquals(normaliseAddress(normal), normal, text);
  }
});

type Random = (below: number) => number;

function randomGroups(random: Random): number[] {
  return Array.from({ length: 8 }, () => [0, 0, 1, 0xffff, random(0x10000)][random(5)]!);
}

/** Any of the spellings of an address. */
function anySpelling(groups: readonly number[], random: Random): string {
  const words = groups.map((group) => {
    const hex = group.toString(16).padStart([0, 0, 2, 4][random(4)]!, "0");
    return random(2) === 0 ? hex : hex.toUpperCase();
  });
  if (random(3) === 0) {
    const bytes = groups.slice(6).flatMap((group) => [group >> 8, group & 0xff]);
    words.splice(6, 2, bytes.join("."));
  }
  // Any run of zeros, in any length, may be left out; but not the dotted part.
  const runs: [number, number][] = [];
  for (let from = 0; from < words.length; from++) {
    for (let to = from + 1; to <= words.length && /^0+$/.test(words[to - 1]!); to++) {
      runs.push([from, to]);
    }
  }
  const run = runs[random(runs.length + 1)];
  if (run === undefined) return words.join(":");
  return `${words.slice(0, run[0]).join(":")}::${words.slice(run[1]).join(":")}`;
}

/** The right spelling, found by trying all runs of zeros and taking the shortest, leftmost result. */
function oracle(groups: readonly number[]): string {
  if (groups.slice(0, 6).join() === "0,0,0,0,0,65535") {
    return groups.slice(6).map((group) => `${group >> 8}.${group & 255}`).join(".");
  }
  const words = groups.map((group) => group.toString(16));
  let best: { removed: number; text: string } = { removed: 1, text: words.join(":") };
  for (let from = 0; from < 8; from++) {
    for (let to = from + 2; to <= 8; to++) {
      if (words.slice(from, to).some((word) => word !== "0")) continue;
      const text = `${words.slice(0, from).join(":")}::${words.slice(to).join(":")}`;
      if (to - from > best.removed) best = { removed: to - from, text };
    }
  }
  return best.text;
}

Deno.test("normaliseAddress() agrees with the oracle on random spellings", pure, () => {
  const { random, seed } = seededRandom();
  for (let i = 0; i < 5_000; i++) {
    const groups = randomGroups(random);
    const text = anySpelling(groups, random);
    assertEquals(normaliseAddress(text), oracle(groups), `${text}, seed ${seed}`);
  }
});

Deno.test("normaliseAddress() refuses the damaged addresses that URL refuses", pure, () => {
  const { random, seed } = seededRandom();
  const alphabet = "0123456789abcdefxg:. -";
  for (let i = 0; i < 5_000; i++) {
    const text = anySpelling(randomGroups(random), random);
    const at = random(text.length);
    const damaged = text.slice(0, at) + alphabet[random(alphabet.length)] + text.slice(at + 1);
    const isAddress = URL.canParse(`http://[${damaged}]/`);
    assertEquals(normaliseAddress(damaged) !== undefined, isAddress, `${damaged}, seed ${seed}`);
  }
});

Deno.test(
  "isLoopback() accepts 127.0.0.0/8, ::1 and the mapped forms only",
  pure,
  () => {
    const loopback = ["127.0.0.1", "127.0.0.2", "127.255.255.255", "::1", "0:0:0:0:0:0:0:1"];
    loopback.push("::ffff:127.0.0.1", "::ffff:7f00:1", "::1%lo");
    for (const address of loopback) assertEquals(isLoopback(address), true, address);
    const other = ["128.0.0.1", "126.255.255.255", "0.0.0.0", "::", "::2", "1::1", "127.2", "127."];
    other.push("127.0.0.1.example.net", "::ffff:128.0.0.1", "localhost", "", "::127.0.0.1");
    other.push("fe80::1", "1127.0.0.1", "127.0.0.1 ");
    for (const address of other) assertEquals(isLoopback(address), false, address);
  },
);

Deno.test("isLinkLocal() accepts fe80::/10 only", pure, () => {
  for (const address of ["fe80::1", "febf::1", "fe80::1%eth0", "FE90::1"]) {
    assertEquals(isLinkLocal(address), true, address);
  }
  for (const address of ["fec0::1", "fe7f::1", "fe8::1", "::1", "169.254.0.1"]) {
    assertEquals(isLinkLocal(address), false, address);
  }
});

Deno.test("trust 17: sourceNetwork() is one IPv4 address, or one /64 of one link", pure, () => {
  const networks = [
    ["192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::", "2001:db8:1:2::/64"],
    ["2001:db8:1:3::1", "2001:db8:1:3::/64"],
    ["::2", "::/64"],
    ["fe80::1%eth0", "fe80::%eth0/64"],
    ["fe80::ffff:2%eth0", "fe80::%eth0/64"],
    ["fe80::1%eth1", "fe80::%eth1/64"],
    ["fe80::1", "fe80::/64"],
  ] as const;
  for (const [address, network] of networks) assertEquals(sourceNetwork(address), network);
});
