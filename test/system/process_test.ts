/**
 * Properties of serving processes: ids, capabilities, threads and open files are exactly those in
 * process.md.
 */

import { assert, assertEquals } from "@std/assert";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { Agent } from "../support/agent_client.ts";
import { message, mon, notify, nullCall, PRIV } from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import { ask, FOREGROUND, READY, startStatd, STATD_PORT } from "../support/statd.ts";
import { OUR_SM_NOTIFY, OUR_STATD, systemTest } from "../support/system_test.ts";

const DOCUMENT = new URL("process.md", import.meta.url);
const NETWORK = {
  addresses: ["10.99.0.1/32", "fd99::1/128"],
  hosts: ["10.99.9.1 peer.example"],
};
/** Runs a program with an open file that only root may read. */
const WITH_OPEN_FILE = ["sh", "-c", 'exec "$@" 9</etc/shadow', "sh"];

type Row = readonly [what: string, value: string];

/** First two columns of a table, by the program's chapter and the head of the first column. */
function documented(program: string, head: string): Row[] {
  const chapter = Deno.readTextFileSync(DOCUMENT).split(/^## /m)
    .find((text) => text.startsWith(`${program}\n`));
  const table = chapter?.split("\n\n").find((part) => part.startsWith(`| ${head} |`));
  assert(table !== undefined, `${program}: there is no table of "${head}"`);
  return table.trim().split("\n").slice(2)
    .map((row) => row.split("|").map((cell) => cell.trim()))
    .map(([, what, value]) => [what!, value!]);
}

/** Process in a host, as shown by the kernel. */
class Process {
  readonly #path: string;

  constructor(host: TestHost, pid: number) {
    this.#path = host.path(`/proc/${pid}`);
  }

  /** Status of each thread. */
  get threads(): string[] {
    const status: string[] = [];
    for (const { name } of Deno.readDirSync(`${this.#path}/task`)) {
      try {
        status.push(Deno.readTextFileSync(`${this.#path}/task/${name}/status`));
      } catch {
        // the thread has ended
      }
    }
    return status;
  }

  get facts(): Row[] {
    const { uid } = Deno.statSync(`${this.#path}/status`);
    const cwd = Deno.readLinkSync(`${this.#path}/cwd`);
    return [
      ["/proc/PID belongs to", uid === 0 ? "root" : `uid ${uid}`],
      ["working directory", cwd],
    ];
  }

  /** Open files by kind, with their numbers. */
  get open(): Row[] {
    const sockets = this.#sockets();
    const targets = new Map<string, string>();
    for (const { name } of Deno.readDirSync(`${this.#path}/fd`)) {
      try {
        targets.set(name, Deno.readLinkSync(`${this.#path}/fd/${name}`));
      } catch {
        // the file was closed
      }
    }
    const standard = ["0", "1", "2"].map((fd) => targets.get(fd));
    return counted([...targets.values()].map((target) => {
      if (standard.includes(target)) return "standard input, output and error";
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      return inode === undefined ? target : sockets.get(inode) ?? "a socket of another kind";
    }));
  }

  /** Descriptions of the host's sockets, by inode. */
  #sockets(): Map<string, string> {
    const lines = (table: string) =>
      Deno.readTextFileSync(`${this.#path}/net/${table}`).trim().split("\n").slice(1)
        .map((line) => line.trim().split(/\s+/));
    const sockets = new Map<string, string>();
    for (const transport of ["udp", "udp6", "tcp", "tcp6"]) {
      for (const [, local, , state, , , , , , inode] of lines(transport)) {
        const kind = transport.slice(0, 3).toUpperCase();
        const listening = kind === "TCP" && state === "0A" ? ", listening" : "";
        sockets.set(inode!, `${kind}, ${place(local!)}${listening}`);
      }
    }
    for (const [, , , flags, type, , inode, path] of lines("unix")) {
      sockets.set(inode!, `Unix, ${unixKind(flags!, type!, path)}`);
    }
    return sockets;
  }
}

/** Flag of a listening socket, and type of a datagram socket. Source: proc_net(5), "unix". */
const ACCEPTS_CONNECTIONS = "00010000";
const SOCK_DGRAM = "0002";

function unixKind(flags: string, type: string, path: string | undefined): string {
  if (flags === ACCEPTS_CONNECTIONS) return `listening at ${path}`;
  if (type === SOCK_DGRAM) return "datagrams";
  return path ?? "nameless";
}

/** First unreserved port. */
const RESERVED_END = 1024;

/** Address and port in the form of /proc: words of hexadecimal digits, lowest byte first. */
function place(text: string): string {
  const [address, digits] = text.split(":") as [string, string];
  const number = parseInt(digits, 16);
  const port = number < RESERVED_END ? "and a reserved port" : `port ${number}`;
  if (/^0+$/.test(address)) return `${address.length > 8 ? "[::]" : "0.0.0.0"} ${port}`;
  const loopback: Record<string, string> = {
    "0100007F": "127.0.0.1",
    "00000000000000000000000001000000": "[::1]",
  };
  return `${loopback[address] ?? "an own address"} ${port}`;
}

function counted(things: readonly string[]): Row[] {
  const counts = new Map<string, number>();
  for (const thing of things) counts.set(thing, (counts.get(thing) ?? 0) + 1);
  return [...counts].map(([thing, count]) => [thing, String(count)]);
}

const CAPABILITIES: Readonly<Record<string, string>> = {
  "0000000000000000": "none",
  "0000000000000400": "NET_BIND_SERVICE",
};

/** Field of a thread's status in the document's words. */
function shown(host: TestHost, status: string, field: string): string {
  const text = new RegExp(`^${field}:[ \\t]*(.*?) *$`, "m").exec(status)?.[1] ?? "absent";
  const { uid, gid } = Deno.statSync(host.path(`${STATE_DIRECTORY}/sm`));
  const fourTimes = (id: number | null) => Array(4).fill(id).join("\t");
  if (field === "Uid" && text === fourTimes(uid)) return "the owner, 4 times";
  if (field === "Gid" && text === fourTimes(gid)) return "the owner's group, 4 times";
  if (field === "Groups" && text === "") return "none";
  return field.startsWith("Cap") ? CAPABILITIES[text] ?? text : text;
}

/** Differences from a table; numbers of the document have the form `2` or `0 to 32`. */
function differences(table: readonly Row[], actual: readonly Row[]): string[] {
  const counts = new Map(actual);
  const wrong = table.flatMap(([what, number]) => {
    const [least, most = least] = number.split(" to ").map(Number);
    const count = Number(counts.get(what) ?? 0);
    return least! <= count && count <= most! ? [] : [`${what}: ${count}, not ${number}`];
  });
  const known = new Map(table);
  const unknown = actual.filter(([what]) => !known.has(what)).map((row) => row.join(": "));
  return [...wrong, ...unknown];
}

/** Compares a process with its chapter. */
async function assertDocumented(host: TestHost, program: string, process: Process): Promise<void> {
  const fields = documented(program, "every thread");
  for (const status of process.threads) {
    for (const [field, value] of fields) assertEquals(shown(host, status, field), value, field);
  }
  assertEquals(process.facts, documented(program, "process"));
  const atRest = () => {
    const names = process.threads.map((status) => /^Name:\t(.*)$/m.exec(status)![1]!);
    return [
      ...differences(documented(program, "thread"), counted(names)),
      ...differences(documented(program, "open"), process.open),
    ];
  };
  // Files being read, and look-ups, do not count.
  await eventually(`${program} is as documented`, () => atRest().length === 0)
    .catch((error) => assertEquals(atRest(), [], error.message));
}

systemTest("rpc.statd has the properties in process.md", [OUR_STATD], async (newHost) => {
  const host = await newHost(NETWORK);
  const agent = new Agent(host);
  await host.startRpcbind();
  await agent.serve();
  const statd = host.start(...WITH_OPEN_FILE, OUR_STATD, ...FOREGROUND);
  await statd.line(READY);
  // Uses everything that could start a thread: files, look-ups of names and addresses, calls, a
  // callback.
  for (const monName of ["peer.example", "10.99.9.1", "nobody.example", "fd99::9"]) {
    assertEquals(await ask(agent, mon({ monName })), "SUCCESS 00000000 00000003");
  }
  for (let name = 0; name < 40; name++) await ask(agent, notify(`stranger${name}.example`, 5));
  await ask(agent, notify("nobody.example", 5));
  await agent.called(1);
  await assertDocumented(host, "rpc.statd", new Process(host, await statd.pid));
});

systemTest(
  "rpc.statd in the background has the properties in process.md",
  [OUR_STATD],
  async (newHost) => {
    const host = await newHost(NETWORK);
    await host.startRpcbind();
    await host.output(...WITH_OPEN_FILE, OUR_STATD, "--no-notify", "-p", "4050");
    const pid = Number(await Deno.readTextFile(host.path("/run/rpc.statd.pid")));
    await assertDocumented(host, "rpc.statd", new Process(host, pid));
  },
);

systemTest("every UDP socket has a large buffer, and new addresses are served", [
  OUR_STATD,
  "/bin/ss",
], async (newHost) => {
  const host = await newHost({ strangers: ["10.98.0.0/24"] });
  await startStatd(host);
  await host.output("ip", "address", "add", "10.99.0.9/32", "dev", "lo");
  const agent = new Agent(host);
  const to = { address: "10.99.0.9", port: STATD_PORT };
  const { from } = await agent.datagram(message(nullCall), to, { address: "10.98.0.7" });
  assertEquals(from, to);
  const sockets = await host.output("ss", "-Huanm", "sport", "=", String(STATD_PORT));
  const buffers = [...sockets.matchAll(/skmem:\(r\d+,rb(\d+),/g)].map(([, bytes]) => Number(bytes));
  const usual = Number(await host.output("cat", "/proc/sys/net/core/rmem_default"));
  assert(buffers.length >= 2 && buffers.every((bytes) => bytes > usual), sockets);
});

systemTest("sm-notify has the properties in process.md", [OUR_SM_NOTIFY], async (newHost) => {
  const host = await newHost(NETWORK);
  await host.write(
    `${STATE_DIRECTORY}/sm/10.99.9.1`,
    `0100007f 000186b5 00000003 00000010 ${PRIV} 10.99.9.1 thishost\n`,
  );
  const { uid, gid } = Deno.statSync(host.path(`${STATE_DIRECTORY}/sm`));
  Deno.chownSync(host.path(`${STATE_DIRECTORY}/sm/10.99.9.1`), uid, gid);
  await host.output(...WITH_OPEN_FILE, OUR_SM_NOTIFY);
  const pid = [...Deno.readDirSync(host.path("/proc"))].map(({ name }) => Number(name))
    .find((pid) => pid > 0 && nameOf(host, pid) === "sm-notify");
  assert(pid !== undefined, "sm-notify runs in the background");
  await assertDocumented(host, "sm-notify", new Process(host, pid));
});

/** Name of a process; empty if it has ended. */
function nameOf(host: TestHost, pid: number): string | undefined {
  try {
    return Deno.readTextFileSync(host.path(`/proc/${pid}/comm`)).trim();
  } catch {
    return undefined;
  }
}
