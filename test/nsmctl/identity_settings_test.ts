import { assertEquals } from "@std/assert";
import { loadStatdSettings } from "../../lib/config/load.ts";
import {
  configuredIdentities,
  identityFaults,
  identityReport,
} from "../../lib/nsmctl/identity_settings.ts";
import { MemoryFiles } from "../support/memory_files.ts";

const ENV = new Map<string, string>();
const GOOD = `[identity "vip1"]
names = nfs1.example.net
addresses = 10.0.0.50
ledger = etcd
`;
const ACCESS = "[etcd]\nendpoints = https://e1:2379\n";

function filesOf(conf: string): MemoryFiles {
  return new MemoryFiles({ "/etc/nfs.conf": conf, "/var/lib/nfs/state": "" });
}

function faultsOf(conf: string): string[] {
  return identityFaults(ENV, filesOf(conf)).map(({ message }) => message);
}

Deno.test("a faulty section of one identity leaves the other ones usable", () => {
  const bad = '[identity "vip2"]\nadresses = 10.0.0.51\nledger = directory:/srv/vip2/nsm\n';
  const found = configuredIdentities(ENV, filesOf(`${bad}${GOOD}`));
  assertEquals(found.get("vip1"), {
    texts: { names: "nfs1.example.net", addresses: "10.0.0.50", ledger: "etcd" },
  });
  assertEquals(found.get("vip2")?.fault, {
    message:
      '/etc/nfs.conf:2: "adresses" is not a setting of an identity; did you mean "addresses"?',
    source: "/etc/nfs.conf:2",
    key: "adresses",
    meant: "addresses",
  });
});

Deno.test("faults of [identity] and [etcd] are found before a take-over", () => {
  const cases: readonly (readonly [conf: string, faults: readonly string[]])[] = [
    ["", []],
    [`${GOOD}${ACCESS}`, []],
    [GOOD, ["nfs.conf has identities with ledger = etcd, and no section [etcd]"]],
    [
      '[identity "vip4"]\naddresses = 10.0.0.300\nledger = /srv/vip4/nsm\n',
      ['Identity vip4: "10.0.0.300" is no numeric address'],
    ],
    [
      "[identity vip5]\nnames = vip5\naddresses = 10.0.0.55\n",
      ['/etc/nfs.conf:2: section [identity vip5] has no name in quotes: [identity "vip5"]'],
    ],
    [
      "[identity]\nnames = vip5\n",
      ['/etc/nfs.conf:2: section [identity] has no name in quotes: [identity "NAME"]'],
    ],
    [
      `${GOOD}[etcd]\nendpoint = https://e1:2379\n`,
      ['/etc/nfs.conf:6: "endpoint" is not an etcd setting; did you mean "endpoints"?'],
    ],
    [
      `${GOOD}${ACCESS}user = nsm\n`,
      ["nfs.conf [etcd]: user and password-file must be set together"],
    ],
  ];
  for (const [conf, faults] of cases) assertEquals(faultsOf(conf), faults);
});

Deno.test("--check-config shows both sections, and its status counts their faults", () => {
  const exitOf = (conf: string) => {
    const files = filesOf(conf);
    const more = () => identityReport(ENV, files);
    const args = ["--check-config"];
    return loadStatdSettings({ programName: "rpc.statd", args, env: ENV, files, more });
  };
  const good = exitOf(`${GOOD}${ACCESS}`);
  if (good.kind !== "exit") throw new Error("it runs");
  assertEquals(good.status, 0);
  assertEquals(
    good.stdout.slice(good.stdout.indexOf("[identity")),
    `[identity "vip1"]
names = nfs1.example.net                 # /etc/nfs.conf:2
addresses = 10.0.0.50                    # /etc/nfs.conf:3
ledger = etcd                            # /etc/nfs.conf:4

[etcd]
endpoints = https://e1:2379              # /etc/nfs.conf:6
`,
  );
  const bad = exitOf(GOOD);
  if (bad.kind !== "exit") throw new Error("it runs");
  assertEquals(bad.status, 1);
  assertEquals(
    bad.stdout.trim().split("\n").at(-1),
    "# warning: nfs.conf has identities with ledger = etcd, and no section [etcd]",
  );
});
