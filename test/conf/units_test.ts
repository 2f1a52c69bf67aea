/** Units: valid, with a tight sandbox that has everything the program needs. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";

const FOLDER = new URL("../../conf/", import.meta.url);
/** Units, and their exposure by `systemd-analyze security` of systemd 252; higher is worse. */
const EXPOSURE = {
  "rpc-statd.service": 2.8,
  "rpc-statd-notify.service": 2.6,
  "rpcbind.service": 2.8,
} as const;
const UNITS = Object.keys(EXPOSURE) as (keyof typeof EXPOSURE)[];
const reading = { permissions: { read: [FOLDER] } };

/** Paths written by the status monitor, besides /run. */
const STATE_PATHS = ["-/var/lib/nfs", "-/proc/sys/fs/nfs"];

/** Values of each setting of a unit, in order. */
function settingsOf(name: string): Map<string, string[]> {
  const settings = new Map<string, string[]>();
  for (const line of Deno.readTextFileSync(new URL(name, FOLDER)).split("\n")) {
    const [, key, value] = /^([A-Za-z0-9]+)=(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    settings.set(key, [...settings.get(key) ?? [], value]);
  }
  return settings;
}

for (const name of UNITS) {
  Deno.test(`${name} lets V8 work`, reading, () => {
    const settings = settingsOf(name);
    for (const key of ["MemoryDenyWriteExecute", "LimitAS", "LimitDATA", "ProcSubset"]) {
      assertEquals(settings.get(key), undefined, key);
    }
  });

  Deno.test(`${name} leaves the files writable that the program writes`, reading, () => {
    const writable = settingsOf(name).get("ReadWritePaths")!.join(" ").split(" ");
    const wanted = ["/run", ...(name === "rpcbind.service" ? [] : STATE_PATHS)];
    assertEquals(wanted.filter((path) => !writable.includes(path)), []);
    // The state number is written by root and read by the user statd.
    assertEquals(settingsOf(name).get("UMask"), ["0022"]);
  });
}

Deno.test("the units have the same sandbox but for capabilities and paths", reading, () => {
  const own = /^(Protect|Private|Restrict|SystemCall|Lock|NoNew|Keyring|UMask)/;
  const of = (settings: Map<string, string[]>) => [...settings].filter(([key]) => own.test(key));
  const [first, ...others] = UNITS.map((name) => of(settingsOf(name)));
  for (const other of others) assertEquals(other, first);
});

Deno.test(
  "field 8: rpc-statd.service waits for rpcbind and local file systems only",
  reading,
  () => {
    const settings = settingsOf("rpc-statd.service");
    const all = (key: string) => (settings.get(key) ?? []).join(" ").split(" ").sort();
    assertEquals(all("After"), [
      "local-fs.target",
      "modprobe@lockd.service",
      "rpcbind.service",
      "rpcbind.socket",
    ]);
    assertEquals(all("Requires"), ["rpcbind.socket"]);
    assertEquals(all("Wants"), ["modprobe@lockd.service", "rpc-statd-notify.service"]);
    assertEquals(settings.get("DefaultDependencies"), ["no"]);
  },
);

Deno.test(
  "field 8: rpc-statd-notify.service starts after the network, and asks for it",
  reading,
  () => {
    const settings = settingsOf("rpc-statd-notify.service");
    assert(settings.get("After")!.join(" ").split(" ").includes("network-online.target"));
    assertEquals(settings.get("Wants"), ["network-online.target"]);
  },
);

Deno.test(
  "rpcbind.socket opens each family apart, and both names of the UNIX socket",
  reading,
  () => {
    const settings = settingsOf("rpcbind.socket");
    assertEquals(settings.get("BindIPv6Only"), ["ipv6-only"]);
    assertEquals(settings.get("PassPacketInfo"), ["yes"]);
    assertEquals(settings.get("ListenDatagram"), ["0.0.0.0:111", "[::]:111"]);
    assertEquals(settings.get("ListenStream"), [
      "/run/rpcbind.sock",
      "@/run/rpcbind.sock",
      "0.0.0.0:111",
      "[::]:111",
    ]);
  },
);

Deno.test("rpc-statd.service reloads from outside its own sandbox", reading, () => {
  assert(settingsOf("rpc-statd.service").get("ExecReload")![0]!.startsWith("+"));
});

const ANALYZE = "/usr/bin/systemd-analyze";
const isThere = isFile(ANALYZE);
// deno-lint-ignore no-console -- a skipped test says why
if (!isThere) console.log(`skipped: units_test.ts wants ${ANALYZE} (package systemd)`);

for (const name of UNITS) {
  Deno.test(`${name} passes systemd-analyze`, { ignore: !isThere }, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/${name}`;
      const text = await Deno.readTextFile(new URL(name, FOLDER));
      await Deno.writeTextFile(path, text.replaceAll("@sbindir@/", "/bin/true # "));
      const verified = await analyze("verify", "--man=no", path);
      // The command also reads and checks the units named in this one.
      assertEquals(verified.split("\n").filter((line) => line.includes(name)), []);
      const security = await analyze("security", "--offline=yes", path);
      const exposure = /level for .*: ([0-9.]+)/.exec(security)?.[1];
      assert(Number(exposure) <= EXPOSURE[name], security);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const makesFolders = ["/usr/bin/systemd-sysusers", "/usr/bin/systemd-tmpfiles"].every(isFile) &&
  Deno.uid() === 0;
if (!makesFolders) {
  // deno-lint-ignore no-console -- a skipped test says why
  console.log("skipped: tests of sysusers and tmpfiles, which need systemd and root");
}

/** Owner, group and mode of a folder of the state directory. */
function ownerOf(root: string, folder: string): string {
  const { uid, gid, mode } = Deno.statSync(`${root}/var/lib/nfs${folder}`);
  return `${uid}:${gid} ${(mode! & 0o7777).toString(8)}`;
}

/** Runs a test with the root folder of another system with user and folders. */
async function onSystem(
  prepare: (root: string) => Promise<void>,
  test: (root: string) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${root}/etc`);
    await prepare(root);
    await run("systemd-sysusers", `--root=${root}`, `${FOLDER.pathname}nsm.sysusers`);
    await run("systemd-tmpfiles", `--root=${root}`, "--create", `${FOLDER.pathname}nsm.tmpfiles`);
    await test(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test(
  "a new system gets a user statd and its folders",
  { ignore: !makesFolders },
  async () => {
    await onSystem(async () => {}, async (root) => {
      const passwd = await Deno.readTextFile(`${root}/etc/passwd`);
      const [, statd] = /^statd:x:(\d+:\d+):/m.exec(passwd)!;
      const owners = ["", "/sm", "/sm.bak"].map((folder) => ownerOf(root, folder));
      assertEquals(owners, ["0:0 755", `${statd} 700`, `${statd} 700`]);
    });
  },
);

Deno.test("a state directory that exists keeps its owners", { ignore: !makesFolders }, async () => {
  await onSystem(async (root) => {
    const user = "statd:x:103:65534::/var/lib/nfs:/bin/false\n";
    await Deno.writeTextFile(`${root}/etc/passwd`, user);
    await Deno.writeTextFile(`${root}/etc/group`, "nogroup:x:65534:\n");
    await Deno.mkdir(`${root}/var/lib/nfs/sm`, { recursive: true });
    await Deno.chown(`${root}/var/lib/nfs/sm`, 103, 65534);
    await Deno.chmod(`${root}/var/lib/nfs/sm`, 0o755);
  }, async (root) => {
    assertStringIncludes(await Deno.readTextFile(`${root}/etc/passwd`), "statd:x:103:65534:");
    assertEquals(ownerOf(root, "/sm"), "103:65534 755");
  });
});

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  assert(success, new TextDecoder().decode(stderr));
}

async function analyze(...args: string[]): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(ANALYZE, { args }).output();
  return [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
