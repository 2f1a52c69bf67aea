/**
 * Replies of a host with several addresses come from the address that was asked: two network
 * namespaces joined by a virtual cable. Needs root.
 */

import { assertEquals } from "@std/assert";

const PROGRAM = new URL("../support/source_address_program.ts", import.meta.url).pathname;
const SERVER = `nsm-server-${Deno.pid}`;
const CLIENT = `nsm-client-${Deno.pid}`;

function ip(...args: string[]): { readonly ok: boolean; readonly text: string } {
  try {
    const { success, stderr } = new Deno.Command("ip", { args, stdout: "null" }).outputSync();
    return { ok: success, text: new TextDecoder().decode(stderr).trim() };
  } catch (error) {
    return { ok: false, text: String(error) };
  }
}

function mustIp(command: string): void {
  const { ok, text } = ip(...command.split(" "));
  if (!ok) throw new Error(`ip ${command}: ${text}`);
}

/** Reason why the test cannot run here; undefined if it can. */
function obstacle(): string | undefined {
  if (Deno.uid() !== 0) return "only root can make network namespaces";
  const made = ip("netns", "add", SERVER);
  if (!made.ok) return made.text;
  const entered = ip("netns", "exec", SERVER, "true"); // impossible in a plain chroot
  ip("netns", "del", SERVER);
  return entered.ok ? undefined : entered.text;
}

const why = obstacle();
// deno-lint-ignore no-console -- a skipped test says why
if (why !== undefined) console.log(`skipped: no network namespaces: ${why}`);

function program(namespace: string, ...args: string[]): Deno.Command {
  const deno = [Deno.execPath(), "run", "--no-check", "-A", PROGRAM];
  return new Deno.Command("ip", {
    args: ["netns", "exec", namespace, ...deno, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  });
}

/** Sources of the replies to a client that asks until the right source appears. */
async function sources(address: string, port: string): Promise<string[]> {
  const { stdout } = await program(CLIENT, "ask", address, port).output();
  return new TextDecoder().decode(stdout).trim().split("\n");
}

function plug(): void {
  for (const namespace of [SERVER, CLIENT]) {
    mustIp(`netns add ${namespace}`);
    mustIp(`-n ${namespace} link set lo up`);
  }
  mustIp(`-n ${SERVER} link add s0 type veth peer name c0 netns ${CLIENT}`);
  // The kernel's own link-local address takes a while to become usable.
  mustIp(`-n ${SERVER} link set s0 addrgenmode none`);
  mustIp(`-n ${CLIENT} link set c0 addrgenmode none`);
  for (
    const address of ["10.77.0.1/24", "10.77.0.2/24", "fd77::1/64", "fd77::2/64", "fe80::1/64"]
  ) {
    addAddress(SERVER, "s0", address);
  }
  for (const address of ["10.77.0.9/24", "fd77::9/64", "fe80::9/64"]) {
    addAddress(CLIENT, "c0", address);
  }
  mustIp(`-n ${SERVER} link set s0 up`);
  mustIp(`-n ${CLIENT} link set c0 up`);
}

function addAddress(namespace: string, link: string, address: string): void {
  const nodad = address.includes(":") ? " nodad" : "";
  mustIp(`-n ${namespace} address add ${address} dev ${link}${nodad}`);
}

Deno.test({
  name: "a reply over UDP comes from the address that was asked",
  ignore: why !== undefined,
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    let server: Deno.ChildProcess | undefined;
    try {
      plug();
      server = program(SERVER, "serve").spawn();
      const reader = server.stdout.getReader();
      const port = new TextDecoder().decode((await reader.read()).value).trim();
      reader.releaseLock();
      for (const address of ["10.77.0.1", "10.77.0.2", "fd77::1", "fd77::2", "fe80::1%c0"]) {
        assertEquals(await sources(address, port), [address.replace("%c0", "")]);
      }
      for (const address of ["10.77.0.3", "fd77::3"]) {
        addAddress(SERVER, "s0", `${address}/${address.includes(":") ? 64 : 24}`);
        // The first reply may precede the discovery of the address.
        assertEquals((await sources(address, port)).at(-1), address);
        assertEquals(await sources(address, port), [address]);
      }
    } finally {
      server?.kill("SIGKILL");
      await server?.output();
      ip("netns", "del", SERVER);
      ip("netns", "del", CLIENT);
    }
  },
});
