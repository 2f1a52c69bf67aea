/**
 * Findings of an administrator that concern more than one command: words of the health, examples
 * when they are run, and messages about wrong operands.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { COMMANDS } from "../../lib/commands/nsmctl.ts";
import { message, mon, notify } from "../support/nsm_calls.ts";
import {
  NsmctlHost,
  OUR_FOLDER,
  OUR_NSMCTL,
  OWN_ADDRESS,
  STATD_PORT,
} from "../support/nsmctl_host.ts";
import { eventually } from "../support/patience.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_NSMCTL, OUR_STATD];
const STATD = { address: "127.0.0.1", port: STATD_PORT };
const PEER = "10.99.0.9";
const OUTSIDE = { ...STATD, address: OWN_ADDRESS };
const STRANGER = { address: "10.98.0.7" };
const SERVICE = "10.99.0.8";

function findingTest(name: string, body: (host: NsmctlHost) => Promise<void>): void {
  systemTest(`operator ${name}`, NEEDS, async (newHost) => {
    await using resources = new AsyncDisposableStack();
    await body(
      await NsmctlHost.create(newHost, resources, {
        addresses: [`${PEER}/32`],
        strangers: ["10.98.0.0/24"],
        hosts: [`${PEER} peer.example.net`],
      }),
    );
  });
}

/** Waits for a line of `nsmctl status`. */
async function statusSays(host: NsmctlHost, pattern: RegExp): Promise<void> {
  let last = "";
  await eventually(`status says ${pattern}`, async () => {
    last = (await host.run("status")).stdout;
    return pattern.test(last);
  }).catch((error) => {
    throw new Error(last, { cause: error });
  });
}

findingTest("D2: the example of status starts a daemon, and never restarts one", async (host) => {
  const help = await host.run("status", "--help");
  const example = /^Example: (.*)$/m.exec(help.stdout)![1]!;
  await host.host.output("mkdir", "/run/fakes");
  await host.host.write("/run/fakes/systemctl", '#!/bin/sh\necho "$@" >> /run/asked\n');
  await host.host.write("/run/fakes/nsmctl", `#!/bin/sh\nexec ${OUR_NSMCTL} "$@"\n`);
  await host.host.output("chmod", "755", "/run/fakes/systemctl", "/run/fakes/nsmctl");
  const asked = async () => {
    await host.host.write("/run/asked", "");
    await host.host.run("sh", "-c", `PATH=/run/fakes:$PATH\n${example}`);
    return await Deno.readTextFile(host.host.path("/run/asked"));
  };
  assertEquals(await asked(), "start rpc-statd\n", "none runs");
  await host.host.output(OUR_STATD, "--no-notify"); // in the foreground, a stopped program would stop nsenter too
  assertEquals(await asked(), "", "all is well");
  await host.host.output("pkill", "-x", "rpcbind");
  await statusSays(host, /^Health +failed/m);
  assertEquals(await asked(), "", "a restart does not bring rpcbind back");
  const pid = (await host.host.output("cat", "/run/rpc.statd.pid")).trim();
  await host.host.output("kill", "-STOP", pid);
  assertEquals(await asked(), "", "it hangs");
  await host.host.output("kill", "-CONT", pid);
});

findingTest("D9: doubtful notices and denied calls are in the health", async (host) => {
  await host.startStatd();
  await host.agent.datagram(message(mon({ monName: PEER })), STATD);
  await host.agent.datagram(message(notify(PEER, 7)), OUTSIDE, STRANGER);
  await statusSays(host, /^Health +degraded: \d+ doubtful notices? passed on, /m);
  assertMatch((await host.run("status")).stdout, /^Notices .*\d+ doubtful and passed on/m);
  await host.host.write("/etc/hosts.deny", "statd: 10.98.0.\n");
  await eventually("the rule counts", async () => {
    await host.agent.flood([message(notify(PEER, 9))], OUTSIDE, STRANGER);
    return /^Denied +\d+ by hosts/m.test((await host.run("status")).stdout);
  });
  assertMatch((await host.run("status")).stdout, /^Health +degraded: .*\bdenied by hosts\.allow/m);
  assertMatch((await host.run("check")).stdout, /^NSM WARNING - .*notices_doubted=\d+c /);
});

findingTest("D21: status names addresses, and reports one that is gone", async (host) => {
  await host.host.output("ip", "address", "add", `${SERVICE}/32`, "dev", "lo");
  await host.host.write(
    "/etc/nfs.conf",
    `[statd]\nport=${STATD_PORT}\nlisten-addresses=${SERVICE}\n`,
  );
  await host.startStatd();
  const { stdout } = await host.run("status");
  assertMatch(
    stdout,
    /^Listening +udp tcp at 127\.0\.0\.1:4050, udp6 .*, udp tcp at 10\.99\.0\.8:4050$/m,
  );
  assertMatch(stdout, /^Daemon .*, user \d+ \(\w+\)$/m);
  assertMatch(stdout, /^Health +good$/m);
  await host.host.output("ip", "address", "del", `${SERVICE}/32`, "dev", "lo");
  await statusSays(host, /^Health +degraded: listening at 10\.99\.0\.8, which this host does not/m);
  await host.host.output("ip", "address", "add", `${SERVICE}/32`, "dev", "lo");
  await statusSays(host, /^Health +good$/m);
  await host.host.output("sh", "-c", "rm /var/lib/nfs/state && mkdir /var/lib/nfs/state");
  await statusSays(host, /^State number +cannot be read$/m);
});

findingTest("B: records removed from the disk show in the health", async (host) => {
  await host.host.output(OUR_STATD, "--no-notify"); // in the foreground, a stopped program would stop nsenter too
  await host.agent.datagram(message(mon({ monName: PEER })), STATD);
  await statusSays(host, /^Health +good$/m);
  await host.host.output("rm", `/var/lib/nfs/sm/${PEER}`);
  await statusSays(host, /^Health +degraded: records that were taken from the disk: 1; /m);
  await host.host.output("sh", "-c", "kill -HUP $(cat /run/rpc.statd.pid)");
  await statusSays(host, /^Health +good$/m);
});

findingTest("B: a notify list that cannot be read any more is in the health", async (host) => {
  const { sh } = shellOf(host);
  await host.putRecord("sm.bak", PEER);
  await host.startStatd();
  await statusSays(host, /^Health +degraded: 1 peer not told of our reboot, /m);
  await sh("chown root /var/lib/nfs/sm.bak && chmod 700 /var/lib/nfs/sm.bak");
  await statusSays(host, /^Health +degraded: who has to be told of our reboot cannot be read: /m);
  await sh("chown --reference=/var/lib/nfs/sm /var/lib/nfs/sm.bak; rm /var/lib/nfs/sm.bak/*");
  await statusSays(host, /^Health +good$/m);
});

for (const how of ["moved", "removed"] as const) {
  findingTest(`B: a state directory that is ${how} under the daemon`, async (host) => {
    const { sh, asked } = shellOf(host);
    const directory = "/var/lib/nfs/statd";
    const make = `mkdir ${directory} && cp -a /var/lib/nfs/sm /var/lib/nfs/sm.bak ${directory}`;
    await sh(`${make} && rpc.statd --no-notify -P ${directory}`);
    await host.agent.datagram(message(mon({ monName: PEER })), STATD);
    await sh(
      `${how === "moved" ? "mv" : "rm -r"} ${directory} ${
        how === "moved" ? "/var/lib/nfs/away" : ""
      }`,
    );
    await sh(make);
    const fault =
      /rpc\.statd \(pid \d+\) runs for this directory, and its control socket is not in it/;
    const status = await asked("status", directory);
    assertEquals([status.code, status.stdout], [1, ""]);
    assertMatch(status.stderr, fault);
    const check = await asked("check", directory);
    assertEquals(check.code, 2);
    assertMatch(check.stdout, fault);
    assertMatch((await asked("list", directory)).stderr, fault);
    const { stdout } = await asked("doctor --json", directory);
    const { findings } = JSON.parse(stdout) as { findings: { name: string; commands: string[] }[] };
    const silent = findings.find(({ name }) => name === "statd-silent");
    await sh(silent!.commands.join("\n"));
    assertEquals((await asked("status --quiet", directory)).code, 0);
    assertEquals(await sh(`ls ${directory}/sm`), `${PEER}\n`, "what was monitored is on disk");
  });
}

/** Runs scripts with our programs in PATH. */
function shellOf({ host }: NsmctlHost) {
  const path = `PATH=${OUR_FOLDER}:$PATH; export PATH; cd /`;
  return {
    sh: (script: string) => host.output("sh", "-ec", `${path}\n${script}`),
    asked: (command: string, directory: string) =>
      host.run("sh", "-c", `${path}\nnsmctl ${command} -P ${directory}`),
  };
}

/** Commands that read a state directory, with the operands that they need. */
const LOOKING: Readonly<Record<string, readonly string[]>> = {
  list: [],
  show: [PEER],
  watch: [],
  top: [],
  events: [],
  report: [],
  status: [],
  notify: [PEER],
  forget: ["--yes", PEER],
  export: [],
  repair: [],
};
/** Commands without operands, or that work without one, or that say what is missing. */
const OTHERS = [
  "check",
  "ctdb-script",
  "test",
  "declare-rebooted",
  "identity",
  "doctor",
  "ports",
  "import",
];

findingTest("D26: a directory that is no state directory is reported as such", async (host) => {
  const names = COMMANDS.map(({ name }) => name).filter((name) => name !== "completion");
  assertEquals(names.toSorted(), [...Object.keys(LOOKING), ...OTHERS].toSorted());
  for (const [name, operands] of Object.entries(LOOKING)) {
    const { code, stdout, stderr } = await host.run(name, "-P", "/nonexist", ...operands);
    assertEquals([code, stdout], [1, ""], name);
    assertMatch(stderr, /^nsmctl: Cannot (?:read|repair) .*; is that a state directory\?\n$/, name);
  }
  const doctor = await host.run("doctor", "-P", "/nonexist");
  assertMatch(doctor.stdout, /check whether \/nonexist is the right directory/);
  assertEquals(doctor.stdout.includes("config-faulty"), false, doctor.stdout);
  const { code, stdout } = await host.run("list", "nothere");
  assertEquals([code, stdout], [1, "No peer matches nothere.\n"]);
  const callout = await host.host.run(OUR_STATD, "--no-notify", "-H", "/nonexist");
  assertEquals(callout.code, 0);
  assertMatch(callout.stderr, /^rpc\.statd: HA callout "\/nonexist" cannot be run: .* install it/);
  await statusSays(host, /^Health +degraded: HA callout "\/nonexist" cannot be run: there is no/m);
  assertMatch((await host.run("doctor")).stdout, /^ERROR callout-unusable$/m);
});
