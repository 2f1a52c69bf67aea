import { assertEquals } from "@std/assert";
import { changes, firstLook, type Flags, listing } from "../../lib/nsmctl/macos.ts";
import { listingArguments, readMacosArguments } from "../../lib/nsmctl/macos_arguments.ts";
import { ADDITION, CHANGES, EMPTY_LISTING, FIRST_LOOK, LISTING } from "../golden/macos_status.ts";

const pure = { permissions: "none" } as const;

const M = { isMonitored: true, isToBeNotified: false };
const N = { isMonitored: false, isToBeNotified: true };
const BOTH = { isMonitored: true, isToBeNotified: true };

function snapshot(bytes: number, state: number, peers: Record<string, Flags>) {
  return { path: "/var/lib/nfs", bytes, state, peers: new Map(Object.entries(peers)) };
}

const before = snapshot(246, 5, {
  "both.example.org": BOTH,
  "host.example.org": M,
  "late.example.org": N,
});
const after = snapshot(164, 7, { "both.example.org": M, "host.example.org": M });

Deno.test("listing() is what macOS prints for -l", pure, () => {
  assertEquals(listing(before), LISTING);
  assertEquals(listing(snapshot(0, 1, {})), EMPTY_LISTING);
});

Deno.test("firstLook() is what macOS prints first for -L", pure, () => {
  assertEquals(firstLook(before), FIRST_LOOK);
});

Deno.test("changes() is what macOS prints later for -L", pure, () => {
  assertEquals(changes(before, after), CHANGES);
  const added = snapshot(246, 7, { ...Object.fromEntries(after.peers), "new.example.org": M });
  assertEquals(changes(after, added), ADDITION);
  assertEquals(changes(after, after), "");
});

Deno.test("a name that could steer the terminal is escaped", pure, () => {
  const text = listing(snapshot(1, 1, { "a\x1b[2J": M }));
  assertEquals(text.includes("\x1b"), false);
});

Deno.test("readMacosArguments() accepts one of -l, -L and -N", pure, () => {
  assertEquals(readMacosArguments(["-l"]), { mode: { kind: "list" } });
  assertEquals(readMacosArguments(["-d", "-L"]), { mode: { kind: "watch" } });
  assertEquals(readMacosArguments(["-dl"]), { mode: { kind: "list" } });
  const clear = { mode: { kind: "clear", host: "a.b" } } as const;
  assertEquals(readMacosArguments(["-N", "a.b"]), clear);
  assertEquals(readMacosArguments(["-Na.b", "-P", "/x"]), { ...clear, directory: "/x" });
});

Deno.test("readMacosArguments() refuses two of them, operands, and -N alone", pure, () => {
  for (
    const args of [["-l", "-L"], ["-l", "-l"], ["-l", "x"], ["-N"], ["-lN", "a"], ["-l", "-x"]]
  ) {
    assertEquals(readMacosArguments(args), "wrong", args.join(" "));
  }
});

Deno.test("readMacosArguments() leaves other command lines alone", pure, () => {
  assertEquals(readMacosArguments([]), undefined);
  assertEquals(readMacosArguments(["--help"]), undefined);
  assertEquals(readMacosArguments(["-P", "/x"]), undefined);
});

Deno.test("listingArguments() accepts options that rpc.statd does not use", pure, () => {
  assertEquals(listingArguments(["--list"]), ["-l"]);
  assertEquals(listingArguments(["-l"]), ["-l"]);
  assertEquals(listingArguments(["-P", "/x", "--clear", "h"]), ["-P", "/x", "-N", "h"]);
  for (const args of [[], ["-L"], ["-N"], ["-F", "-l"], ["--name", "--list"], ["--lis"]]) {
    assertEquals(listingArguments(args), undefined, args.join(" "));
  }
});
