/**
 * Oldest C library that README promises (glibc 2.27): a copy of the present one in which later
 * functions are renamed, mounted in its place for one program.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { mon, nullCall } from "../support/nsm_calls.ts";
import { ask, FOREGROUND, READY } from "../support/statd.ts";
import { OUR_NSMCTL } from "../support/nsmctl_host.ts";
import { OUR_SM_NOTIFY, OUR_STATD, systemTest } from "../support/system_test.ts";

/** Functions of later versions (ld.so(8), abilist files of glibc), as far as they could be used. */
const LATER = [
  "statx", // 2.28
  "fcntl64",
  "renameat2",
  "gettid", // 2.30
  "getdents64",
  "fstat", // 2.33
  "stat",
  "lstat",
  "close_range", // 2.34
  "arc4random", // 2.36
  "pidfd_open",
];
const LIBRARY = `/lib/${Deno.build.arch}-linux-gnu/libc.so.6`;
const OLD = "/run/libc-2.27.so";

/** The library with these names replaced by unused ones; a name lies between zero bytes. */
function without(names: readonly string[]): Uint8Array<ArrayBuffer> {
  const bytes = Deno.readFileSync(LIBRARY);
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  for (const name of names) {
    text = text.replaceAll(`\0${name}\0`, `\0${name.slice(0, -1)}!\0`);
  }
  return Uint8Array.from(text, (byte) => byte.charCodeAt(0));
}

const inOldSystem = (...command: string[]) => [
  ...["unshare", "--mount", "sh", "-c", `mount --bind ${OLD} ${LIBRARY} && exec "$@"`, "sh"],
  ...command,
];

systemTest(
  "portability 12: every role works with glibc 2.27",
  [OUR_STATD, OUR_SM_NOTIFY, OUR_NSMCTL, LIBRARY],
  async (newHost) => {
    const host = await newHost();
    const agent = new Agent(host);
    await Deno.writeFile(host.path(OLD), without(LATER), { mode: 0o755 });
    const { stderr } = await host.run(...inOldSystem("ls", "-l"));
    assertMatch(stderr, /undefined symbol: /, "the library is an old one");
    await host.startRpcbind();
    const statd = host.start(...inOldSystem(OUR_STATD, ...FOREGROUND));
    await statd.line(READY);
    assertEquals(await ask(agent, nullCall), "SUCCESS");
    assertMatch(await ask(agent, mon({ monName: "127.0.0.1" })), /^SUCCESS 00000000/);
    const listed = await host.run(...inOldSystem(OUR_NSMCTL, "list"));
    assertMatch(listed.stdout, /127\.0\.0\.1/, listed.stderr);
    const told = await host.run(...inOldSystem(OUR_SM_NOTIFY, "-d", "-f", "--deadline", "20"));
    assertMatch(told.stderr, /Told 1 of 1 peer/);
    assertEquals([told.code, statd.hasEnded, await statd.stop()], [0, false, 0]);
  },
);
