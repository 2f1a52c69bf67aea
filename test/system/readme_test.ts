/**
 * README and manual pages against the programs: every command in them is run, here or by the test named
 * in {@link ELSEWHERE}, and the transcript at the top of README must equal the output.
 * README_TRANSCRIPT=write rewrites the transcript:
 *
 *     README_TRANSCRIPT=write ./install.sh deno test -A --no-check test/system/readme_test.ts
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { message, mon, notify } from "../support/nsm_calls.ts";
import { NsmctlHost, OUR_FOLDER, OUR_NSMCTL, STATD_PORT } from "../support/nsmctl_host.ts";
import { eventually } from "../support/patience.ts";
import { OUR_SM_NOTIFY, OUR_STATD, systemTest } from "../support/system_test.ts";

const PROJECT = new URL("../../", import.meta.url);
const PAGE = new URL("README.md", PROJECT);
const BEGIN = "<!-- transcript: test/system/readme_test.ts -->\n";
const END = "<!-- end of transcript -->\n";
const STATD = { address: "127.0.0.1", port: STATD_PORT };
const CLIENT = { address: "10.99.0.9", port: 0 };
const OURS = /^(nsmctl|rpc\.statd|sm-notify)\b/;
const NEEDS = [OUR_NSMCTL, OUR_STATD, OUR_SM_NOTIFY];
const HOSTS = ["10.99.0.9 client.example.net client1 client2", "10.99.0.1 nfs.example.net"];

/** Commands run by other tests, or that need a machine no test has. */
const ELSEWHERE: readonly (readonly [command: RegExp, test: string])[] = [
  [/^\.\/install\.sh (run|test)/, "test/newcomer"],
  [/^(sudo )?\.\/install\.sh (build|install|uninstall)/, "test/system/install_test.ts"],
  [/^(sha256sum|sudo dpkg|tar|sudo nsm-|podman)/, "test/packaging"],
  [/^(sudo )?(systemctl|journalctl)/, "test/conf/units_test.ts"],
];

/** Commands in the fenced blocks of README, without comments and continuations. */
function readmeCommands(): string[] {
  const text = Deno.readTextFileSync(PAGE);
  const blocks = [...text.matchAll(/^```\n(.*?)^```/gms)].map(([, block]) => block!);
  return blocks.flatMap((block) => block.replaceAll("\\\n", "").split("\n"))
    .map((line) => line.replace(/ +# .*$/, "").replaceAll(/ +/g, " ").trim())
    .filter((line) => OURS.test(line) || ELSEWHERE.some(([command]) => command.test(line)));
}

/** Examples in nsmctl's manual page, up to a pipe. */
function manualCommands(): string[] {
  const page = Deno.readTextFileSync(new URL("conf/nsmctl.8", PROJECT));
  return [...page.matchAll(/^\.Dl (nsmctl .*)$/gm)].map(([, line]) =>
    line!.replace(/ *[|;>].*$/, "").replaceAll("'", "")
  );
}

/** Serving host with a peer that was never notified. */
async function serving(
  newHost: Parameters<typeof NsmctlHost.create>[0],
  resources: AsyncDisposableStack,
): Promise<NsmctlHost> {
  const host = await NsmctlHost.create(newHost, resources, {
    addresses: ["10.99.0.9/32"],
    hosts: HOSTS,
  });
  await host.putRecord("sm.bak", "old.example.net", "server.example.net");
  await host.startStatd();
  return host;
}

/** Monitors a client, and waits until its address is known. */
async function monitorClient(host: NsmctlHost): Promise<void> {
  const registration = { monName: "client.example.net", myName: "server.example.net" };
  await host.agent.datagram(message(mon(registration)), STATD);
  await eventually(
    "its address is known",
    async () => (await host.run("list", "client*")).stdout.includes(CLIENT.address),
  );
}

systemTest("README shows what nsmctl prints", NEEDS, async (newHost) => {
  await using resources = new AsyncDisposableStack();
  const host = await serving(newHost, resources);
  await host.putRecord("sm.bak", "client.example.net", "server.example.net");
  const notifying = await host.host.run(OUR_SM_NOTIFY, "-f", "-d", "--deadline", "1");
  assertEquals(notifying.code, 1);
  await monitorClient(host);
  await host.agent.datagram(message(notify("client.example.net", 23)), STATD, CLIENT);
  await host.agent.called(1);
  await eventually(
    "the lock manager was told",
    async () => (await host.run("events")).stdout.includes("lock manager told"),
  );
  const parts: string[] = [];
  for (const args of [["list"], ["events", "--since", "1h"], ["report"]]) {
    const { stdout } = await host.run(...args);
    parts.push(`# nsmctl ${args.join(" ")}\n${stdout.replaceAll(/ +$/gm, "")}`);
  }
  const printed = "\n```\n" + parts.join("\n").replaceAll(Deno.hostname(), "server") + "```\n\n";
  const page = await Deno.readTextFile(PAGE);
  const [before = "", rest = ""] = page.split(BEGIN);
  const [stored = "", after = ""] = rest.split(END);
  if (Deno.env.get("README_TRANSCRIPT") === "write") {
    await Deno.writeTextFile(PAGE, before + BEGIN + printed + END + after);
  } else assertEquals(comparable(printed), comparable(stored));
});

systemTest("every command of README and of nsmctl(8) works", NEEDS, async (newHost) => {
  await using resources = new AsyncDisposableStack();
  const host = await serving(newHost, resources);
  await monitorClient(host);
  const inFolder = (line: string) => ["sh", "-c", `cd /run && PATH=${OUR_FOLDER}:$PATH; ${line}`];
  const run = async (line: string) => {
    const [program = "", ...args] = inFolder(line);
    const { code, stdout, stderr } = await host.host.run(program, ...args);
    // 2: wrong command line; 126 and above: no such program.
    assert(code !== 2 && code < 126, `${line}: ${code}\n${stdout}${stderr}`);
    return code;
  };
  const commands = readmeCommands().filter((line) => OURS.test(line));
  assert(commands.length > 20);
  for (const line of commands.filter((line) => line.startsWith("nsmctl"))) {
    if (/^nsmctl watch/.test(line)) {
      const [program = "", ...args] = inFolder(`exec ${line}`);
      const watch = host.host.start(program, ...args);
      await watch.line(/client\.example\.net/);
      await watch.stop();
    } else await run(line.replace("declare-rebooted", "declare-rebooted --yes"));
  }
  for (const line of manualCommands()) {
    if (/ (watch|identity|import|repair) ?/.test(line)) continue; // tested in nsmctl_test.ts and in files of their own
    await run(line.replace("declare-rebooted", "declare-rebooted --yes"));
  }
  await host.statd!.stop();
  await host.host.output(
    "sh",
    "-c",
    "mkdir -p /run/nsm/sm /run/nsm/sm.bak && chown -R statd /run/nsm",
  );
  for (const line of commands.filter((line) => !line.startsWith("nsmctl"))) {
    assertEquals(await run(line.replace("/srv/nsm", "/run/nsm")), 0, line);
  }
});

Deno.test("every command of README is run by an existing test", () => {
  for (const line of readmeCommands().filter((line) => !OURS.test(line))) {
    const [, test] = ELSEWHERE.find(([command]) => command.test(line))!;
    assert(
      Deno.statSync(new URL(test, PROJECT)).isFile ||
        Deno.statSync(new URL(test, PROJECT)).isDirectory,
    );
  }
});

Deno.test("README answers ten questions by links to existing sections", () => {
  const text = Deno.readTextFileSync(PAGE);
  const anchors = new Set(
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title!.toLowerCase().replaceAll(/[^a-z0-9 -]/g, "").replaceAll(" ", "-")
    ),
  );
  const questions = [...text.matchAll(/^\| [^|]*\? +\| \[[^\]]*\]\(#([^)]*)\)/gm)].map(([, to]) =>
    to!
  );
  assertEquals(questions.length, 10);
  for (const anchor of questions) assert(anchors.has(anchor), anchor);
});

Deno.test("README links to existing files", () => {
  const text = Deno.readTextFileSync(PAGE);
  const links = [...text.matchAll(/\]\((?!#|http)([^)#]+)\)/g)].map(([, path]) => path!);
  assertNotEquals(links.length, 0);
  for (const path of links) Deno.statSync(new URL(path, PROJECT));
});

/** Text without parts that vary; simultaneous events may change places. */
function comparable(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d/g, "TIME")
    .replaceAll(/\d{4}-\d\d-\d\d/g, "DATE")
    .replaceAll(/\d\d:\d\d:\d\d/g, "TIME")
    .replaceAll(/\d+(?:\.\d+)? (?:d|h|min|s|ms)(?![a-z])/g, "SPAN")
    .replaceAll(/\d+ (?:tries|try|attempts?)/g, "TRIES")
    .replaceAll(/^Health: .*$/gm, "HEALTH")
    .replaceAll(/version [\d.]+/g, "VERSION")
    .replaceAll(/ +/g, " ").split("\n").sort().join("\n");
}
