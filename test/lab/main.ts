/**
 * Lab with systemd: two user-mode-linux kernels whose PID 1 is systemd, an NFS server and an NFSv3 client of
 * Debian 12, on a switch of their own. The Debian package of a release is installed while a lock is held;
 * then power is cut, machines are restarted, and targets are isolated. Prints PASS or FAIL for each claim.
 *
 * `./install.sh release`, then `deno task lab` as root on Debian with debootstrap. The first run takes two
 * minutes more, and 1.5 GB in `$NSM_LAB_CACHE` (default /var/cache/nsm-lab).
 */

import { type Lab, Machine } from "./machine.ts";
import { SCENARIOS, type World } from "./scenarios.ts";

const CACHE = Deno.env.get("NSM_LAB_CACHE") ?? "/var/cache/nsm-lab";
const HERE = new URL(".", import.meta.url).pathname;
const DIST = new URL("../../dist/", import.meta.url).pathname;

/** Longest wait for the journal of a machine that is not well. */
const JOURNAL_MS_MAX = 30_000;

// deno-lint-ignore no-console -- the figures are what this is for
const say = console.log;

function findInRelease(pattern: RegExp): string {
  const found = [...Deno.readDirSync(DIST)].find(({ name }) => pattern.test(name));
  if (!found) throw new Error("dist/ has no release: ./install.sh release makes one");
  return `${DIST}${found.name}`;
}

/** The switch that both machines are plugged into. */
function startSwitch({ cache, out }: Lab): Deno.ChildProcess {
  return new Deno.Command(`${cache}/host/usr/bin/uml_switch`, {
    args: ["-unix", `${out}/switch`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

async function main(): Promise<boolean> {
  const out = await Deno.makeTempDir({ prefix: "nsm-lab-" });
  const lab: Lab = { cache: CACHE, out };
  const file = findInRelease(/^nsm_.*_amd64\.deb$/);
  const jitless = findInRelease(/^nsm-.*-x86_64-jitless\.tar\.gz$/);
  const prepared = await new Deno.Command(`${HERE}prepare`, { args: [CACHE] }).spawn().status;
  if (!prepared.success) return false;
  await Deno.copyFile(file, `${out}/nsm.deb`);
  await Deno.mkdir(`${out}/jitless`);
  const unpack = ["--strip-components=1", "-C", `${out}/jitless`, "-xf", jitless];
  await new Deno.Command("tar", { args: unpack }).output();
  await Deno.mkdir(`${out}/units`);
  for (const name of ["rpcbind.service", "rpcbind.socket"]) {
    const unit = await Deno.readTextFile(new URL(`../../conf/${name}`, import.meta.url));
    await Deno.writeTextFile(`${out}/units/${name}`, unit.replaceAll("@sbindir@", "/usr/lib/nsm"));
  }
  const plug = startSwitch(lab);
  const server = new Machine(lab, "server", "10.78.0.1");
  const client = new Machine(lab, "client", "10.78.0.2");
  // The kernels are process groups of their own, and would go on.
  const stop = async () => {
    await Promise.all([server, client].map((machine) => machine.cutPower()));
    plug.kill();
    Deno.exit(1);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
  const start = performance.now();
  const seconds = () => ((performance.now() - start) / 1000).toFixed(1).padStart(6);
  let failed = 0, passed = 0;
  const world: World = {
    server,
    client,
    claim: (what, isSo, evidence) => {
      if (isSo) passed++;
      else failed++;
      say(`[${seconds()}] ${isSo ? "PASS" : "FAIL"} ${what}${evidence ? ` -- ${evidence}` : ""}`);
    },
  };
  try {
    for (const [name, scenario] of Object.entries(SCENARIOS)) {
      say(`[${seconds()}] ${name}`);
      await scenario(world);
    }
  } catch (error) {
    world.claim("all scenarios could be tried", false, (error as Error).message);
    for (const machine of [server, client]) {
      const { text } = await machine.result("journalctl -b -o short-monotonic", JOURNAL_MS_MAX)
        .catch(({ message }: Error) => ({ text: message }));
      await Deno.writeTextFile(`${out}/${machine.name}.journal`, text);
    }
  } finally {
    await Promise.all([server, client].map((machine) => machine.cutPower()));
    plug.kill();
    await plug.status;
    for (const name of ["server.cow", "client.cow", "jitless", "nsm.deb"]) {
      await Deno.remove(`${out}/${name}`, { recursive: true });
    }
  }
  say(`${passed} PASS, ${failed} FAIL; consoles and journals in ${out}`);
  return failed === 0;
}

Deno.exit(await main() ? 0 : 1);
