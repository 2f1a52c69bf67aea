/**
 * Lab with systemd: two user-mode-linux kernels, an NFS server and an NFSv3 client of Debian 12, on a switch
 * of their own. Power is cut, machines are restarted, targets are isolated, while a lock is held. Prints PASS
 * or FAIL for each claim.
 *
 *     deno task lab [SUBJECT…]     as root on Debian with debootstrap; all subjects where none is named
 *
 * `package` and `rpcbind` need a release (`./install.sh release`), `"bare root"` only `./install.sh build`. The
 * first run takes two minutes more, and 1.5 GB in `$NSM_LAB_CACHE` (default /var/cache/nsm-lab).
 */

import { BARE_ROOT } from "./bare_root.ts";
import type { Scenarios } from "./claims.ts";
import { type Lab, Machine } from "./machine.ts";
import { PACKAGE } from "./package.ts";
import { RPCBIND } from "./rpcbind.ts";

const CACHE = Deno.env.get("NSM_LAB_CACHE") ?? "/var/cache/nsm-lab";
const HERE = new URL(".", import.meta.url).pathname;
const DIST = new URL("../../dist/", import.meta.url).pathname;
const CONF = new URL("../../conf/", import.meta.url).pathname;
const BARE_IMAGE = "bare.ext4";

/** Timeout of reading the journal of a faulty machine, in ms. */
const JOURNAL_MS_MAX = 30_000;

// deno-lint-ignore no-console -- the figures are what this is for
const say = console.log;

/** Subject of scenarios, and the contents of the run's folder. */
interface Subject {
  readonly scenarios: Scenarios;
  provide(out: string): Promise<void>;
  /** File in that folder that is the client's initial disk. */
  readonly clientImage?: string;
}

const SUBJECTS: Readonly<Record<string, Subject>> = {
  package: {
    scenarios: PACKAGE,
    async provide(out) {
      await Deno.copyFile(findInRelease(/^nsm_.*_amd64\.deb$/), `${out}/nsm.deb`);
      await Deno.mkdir(`${out}/jitless`);
      const jitless = findInRelease(/^nsm-.*-x86_64-jitless\.tar\.gz$/);
      await succeed("tar", "--strip-components=1", "-C", `${out}/jitless`, "-xf", jitless);
      await provideUnits(out, "/usr/lib/nsm");
    },
  },
  rpcbind: {
    scenarios: RPCBIND,
    async provide(out) {
      await Deno.copyFile(findInRelease(/^nsm_.*_amd64\.deb$/), `${out}/nsm.deb`);
      await Deno.mkdir(`${out}/program`);
      await succeed("cp", "-a", `${DIST}rpc.statd`, `${DIST}rpcbind`, `${out}/program`);
      await provideUnits(out, "/opt/nsm");
    },
  },
  "bare root": {
    scenarios: BARE_ROOT,
    provide: (out) => succeed(`${HERE}bare/make`, CACHE, DIST, `${out}/${BARE_IMAGE}`),
    clientImage: BARE_IMAGE,
  },
};

function findInRelease(pattern: RegExp): string {
  const found = [...Deno.readDirSync(DIST)].find(({ name }) => pattern.test(name));
  if (!found) throw new Error("dist/ has no release: ./install.sh release makes one");
  return `${DIST}${found.name}`;
}

async function provideUnits(out: string, folder: string): Promise<void> {
  await Deno.mkdir(`${out}/units`);
  for (const name of ["rpcbind.service", "rpcbind.socket"]) {
    const unit = await Deno.readTextFile(`${CONF}${name}`);
    await Deno.writeTextFile(`${out}/units/${name}`, unit.replaceAll("@sbindir@", folder));
  }
}

async function succeed(program: string, ...args: string[]): Promise<void> {
  const { code } = await new Deno.Command(program, { args }).spawn().status;
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
}

/** Switch that connects both machines. */
function startSwitch({ cache, out }: Lab): Deno.ChildProcess {
  return new Deno.Command(`${cache}/host/usr/bin/uml_switch`, {
    args: ["-unix", `${out}/switch`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

type Claim = (what: string, isSo: boolean, evidence?: string) => void;

/** Keeps the results of a run: journals of machines with failed claims. */
async function keepJournals(out: string, machines: readonly Machine[]): Promise<void> {
  for (const machine of machines) {
    const { text } = await machine.result("journalctl -b -o short-monotonic", JOURNAL_MS_MAX)
      .catch(({ message }: Error) => ({ text: message }));
    await Deno.writeTextFile(`${out}/${machine.name}.journal`, text);
  }
}

async function tryScenarios(
  { scenarios, provide, clientImage }: Subject,
  out: string,
  claim: Claim,
  begin: (name: string) => void,
): Promise<void> {
  const lab: Lab = { cache: CACHE, out };
  await Deno.mkdir(out);
  await provide(out);
  const plug = startSwitch(lab);
  const server = new Machine(lab, "server", "10.78.0.1");
  const client = new Machine(lab, "client", "10.78.0.2", clientImage && `${out}/${clientImage}`);
  const machines = [server, client];
  // The kernels are process groups of their own, and would keep running.
  const stop = async () => {
    await Promise.all(machines.map((machine) => machine.cutPower()));
    plug.kill();
    Deno.exit(1);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
  let failed = 0;
  const world = {
    server,
    client,
    claim: (...[what, isSo, evidence]: Parameters<Claim>) => {
      if (!isSo) failed++;
      claim(what, isSo, evidence);
    },
  };
  try {
    for (const [name, scenario] of Object.entries(scenarios)) {
      begin(name);
      await scenario(world);
    }
  } catch (error) {
    world.claim("all scenarios could be tried", false, (error as Error).message);
  } finally {
    if (failed > 0) await keepJournals(out, machines);
    await Promise.all(machines.map((machine) => machine.cutPower()));
    plug.kill();
    await plug.status;
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, stop);
    for (const name of ["server.cow", "client.cow", "jitless", "program", "nsm.deb", BARE_IMAGE]) {
      await Deno.remove(`${out}/${name}`, { recursive: true }).catch(() => {});
    }
  }
}

async function main(): Promise<boolean> {
  const unknown = Deno.args.find((name) => !(name in SUBJECTS));
  if (unknown !== undefined) {
    say(`Usage: deno task lab [SUBJECT...]; subjects are ${Object.keys(SUBJECTS).join(", ")}`);
    return false;
  }
  await succeed(`${HERE}prepare`, CACHE);
  const out = await Deno.makeTempDir({ prefix: "nsm-lab-" });
  const start = performance.now();
  const note = (text: string) => {
    say(`[${((performance.now() - start) / 1000).toFixed(1).padStart(6)}] ${text}`);
  };
  let failed = 0, passed = 0;
  const claim: Claim = (what, isSo, evidence) => {
    if (isSo) passed++;
    else failed++;
    note(`${isSo ? "PASS" : "FAIL"} ${what}${evidence ? ` -- ${evidence}` : ""}`);
  };
  for (const name of Deno.args.length > 0 ? Deno.args : Object.keys(SUBJECTS)) {
    const folder = `${out}/${name.replaceAll(" ", "-")}`;
    await tryScenarios(SUBJECTS[name]!, folder, claim, (scenario) => note(`${name}: ${scenario}`));
  }
  say(`${passed} PASS, ${failed} FAIL; consoles and journals in ${out}`);
  return failed === 0;
}

Deno.exit(await main() ? 0 : 1);
