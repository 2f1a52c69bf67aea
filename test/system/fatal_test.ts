/**
 * Unexpected errors and rejections in each compiled program: the log has one line with the stack, a
 * waiting starter is informed, and the status is 1.
 */

import { assertEquals, assertMatch } from "@std/assert";
import type { BackgroundProgram } from "../support/background_program.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { eventually } from "../support/patience.ts";
import { FOREGROUND, READY, STATD_PORT } from "../support/statd.ts";
import { systemTest } from "../support/system_test.ts";
import { CompiledProgram } from "../support/test_programs.ts";

const SOURCE = new URL("../support/failing_program.ts", import.meta.url).pathname;
const LINKS = ["sm-notify", "nsmctl", "start-statd", "rpcbind"];
const LINE = /Ending on an unexpected error: Error: planted \| at /;
/** Signals that throw an error and reject a promise. */
const SIGNALS = { WINCH: 28, URG: 23 } as const;
/** System log that prints its messages. */
const SYSLOG = "import socket,os\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n" +
  "s.bind('/dev/log')\nos.chmod('/dev/log',0o666)\nprint('listening',flush=True)\n" +
  "while True: print(s.recv(65536).decode(),flush=True)";

function linesOf({ lines }: BackgroundProgram): string[] {
  return lines.filter((line) => LINE.test(line));
}

/** Compiles the program with the fault, under all of its names. */
function compile() {
  const program = new CompiledProgram(SOURCE);
  const [smNotify, nsmctl, startStatd, rpcbind] = LINKS.map((link) => {
    Deno.symlinkSync(program.path, `${program.folder}/${link}`);
    return `${program.folder}/${link}`;
  }) as [string, string, string, string];
  return {
    statd: program.path,
    ...{ smNotify, nsmctl, startStatd, rpcbind },
    [Symbol.dispose]: () => program[Symbol.dispose](),
  };
}

/** Peer that sm-notify cannot tell. */
async function addPeer(host: TestHost): Promise<void> {
  const words = "7f000001 000186b5 00000003 00000010";
  const line = `${words} ${"0".repeat(32)} 192.0.2.1 here\n`;
  await host.write(`${STATE_DIRECTORY}/sm/192.0.2.1`, line);
}

/** Whether a program has a handler for a signal (proc(5)). */
async function catches(
  host: TestHost,
  running: BackgroundProgram,
  signal: number,
): Promise<boolean> {
  const text = await Deno.readTextFile(host.path(`/proc/${await running.pid}/status`));
  const mask = BigInt(`0x${/^SigCgt:\s*(\w+)$/m.exec(text)![1]}`);
  return (mask >> BigInt(signal - 1) & 1n) === 1n;
}

systemTest("an unexpected error ends each program with a log line and status 1", [
  "/usr/bin/flock",
], async (make) => {
  using programs = compile();
  const { statd, smNotify, nsmctl, startStatd, rpcbind } = programs;
  const host = await make();
  await addPeer(host);
  // start-statd waits for another program.
  const hold = ["flock", "/run/rpc.statd.lock", "sh", "-c", "echo held; exec sleep 600"];
  await host.start(...hold).line(/held/);
  const cases: [command: string[], ready: RegExp | undefined][] = [
    [[statd, ...FOREGROUND], READY],
    [[smNotify, "-d", "-f"], /192\.0\.2\.1/],
    [[rpcbind, "-f", "-d"], /./],
    [[nsmctl, "watch"], undefined],
    [[startStatd], undefined],
  ];
  for (const [command, ready] of cases) {
    for (const [signal, number] of Object.entries(SIGNALS)) {
      const running = host.start(...command);
      if (ready !== undefined) await running.line(ready);
      await eventually("it has handlers", () => catches(host, running, number));
      await running.kill(signal);
      assertEquals(await running.ended, 1, running.report());
      assertEquals(linesOf(running).length, 1, running.report());
    }
  }
});

systemTest("an unexpected error in the background is in the system log", [
  "/usr/bin/python3",
  "/usr/bin/pkill",
], async (make) => {
  using programs = compile();
  const { statd, smNotify, rpcbind } = programs;
  const host = await make();
  await host.hideDevices();
  const log = host.start("python3", "-c", SYSLOG);
  await log.line(/listening/);
  const serve = ["--no-notify", "-p", String(STATD_PORT)];

  const starter = await host.run("env", "NSM_TEST_FAILS=1", statd, ...serve);
  assertMatch(starter.stderr, LINE);
  assertEquals(starter.code, 1);
  await log.line(LINE);

  for (const command of [[statd, ...serve], [smNotify, "-f"], [rpcbind]]) {
    for (const signal of Object.keys(SIGNALS)) {
      await addPeer(host);
      const before = log.lines.length;
      assertEquals((await host.run(...command)).code, 0, log.report());
      await host.output("pkill", `-${signal}`, "-f", `^${command[0]}`);
      await log.line(LINE, before);
      const isGone = async () => (await host.run("pgrep", "-f", `^${command[0]}`)).code === 1;
      await eventually("it is gone", isGone);
      assertEquals(log.lines.slice(before).filter((line) => LINE.test(line)).length, 1);
    }
  }
});
