import { assertEquals } from "@std/assert";
import "../support/open_libc.ts";
import { Syslog, syslogLine } from "../../lib/platform/syslog.ts";

Deno.test("syslogLine() equals the line of syslog(3)", { permissions: "none" }, () => {
  const line = syslogLine("notice", "rpc.statd", 12, new Date(2025, 10, 3, 5, 6, 7), "Version 1");
  assertEquals(line, "<29>Nov  3 05:06:07 rpc.statd[12]: Version 1");
});

Deno.test("syslogLine() sends debug messages as info", { permissions: "none" }, () => {
  const now = new Date(2025, 0, 31, 15, 16, 17);
  assertEquals(syslogLine("debug", "a", 1, now, "b"), "<30>Jan 31 15:16:17 a[1]: b");
  assertEquals(syslogLine("error", "a", 1, now, "b"), "<27>Jan 31 15:16:17 a[1]: b");
});

/** Stands in for the log daemon. */
function listen(path: string): Deno.DatagramConn {
  return Deno.listenDatagram({ transport: "unixpacket", path });
}

async function receive(daemon: Deno.DatagramConn): Promise<string> {
  const [bytes] = await daemon.receive();
  return new TextDecoder().decode(bytes).replace(/^.*?\]: /, "");
}

async function withPath(test: (path: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await test(`${folder}/log`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("Syslog reconnects to a restarted log daemon, and reports lost messages", async () => {
  await withPath(async (path) => {
    const log = new Syslog("rpc.statd", path);
    log.write("error", "nobody there yet");
    const first = listen(path);
    log.write("error", "one");
    assertEquals(await receive(first), "one (messages lost before this one: 1)");
    first.close();
    log.write("error", "nobody there");
    log.write("error", "nobody there");
    Deno.removeSync(path);
    log.write("error", "nobody there");
    const second = listen(path);
    log.write("error", "two");
    assertEquals(await receive(second), "two (messages lost before this one: 3)");
    second.close();
    log.close();
  });
});

Deno.test("Syslog goes to the new log daemon at once when only the socket was replaced", async () => {
  await withPath(async (path) => {
    const log = new Syslog("rpc.statd", path);
    const first = listen(path);
    log.write("error", "one");
    assertEquals(await receive(first), "one");
    first.close();
    Deno.removeSync(path);
    const second = listen(path);
    log.write("error", "two");
    assertEquals(await receive(second), "two");
    second.close();
    log.close();
  });
});

Deno.test("Syslog waits only briefly for a log daemon that does not read", async () => {
  await withPath(async (path) => {
    const log = new Syslog("rpc.statd", path);
    const written = 2000; // more than any queue of datagrams has room for
    const daemon = listen(path);
    for (let i = 0; i < written; i++) log.write("info", `message ${i}`);
    let read = 1;
    for (; await receive(daemon) !== "last"; read++) log.write("info", "last");
    assertEquals(read > 2 && read < written, true);
    daemon.close();
    log.close();
  });
});

Deno.test("Syslog cuts a line that is too long", async () => {
  await withPath(async (path) => {
    const log = new Syslog("rpc.statd", path);
    const daemon = listen(path);
    log.write("info", "x".repeat(100_000));
    const [bytes] = await daemon.receive();
    assertEquals(bytes.length, 2048);
    daemon.close();
    log.close();
  });
});
