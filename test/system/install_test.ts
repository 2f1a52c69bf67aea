/**
 * Effects of `install.sh install` and `uninstall` on a system: on a folder by DESTDIR, with a small
 * file in place of the program.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { eventually } from "../support/patience.ts";

const PROJECT = new URL("../../", import.meta.url).pathname;
const COMPLETED = ["nsmctl", "rpc.statd", "rpcbind", "sm-notify", "start-statd"];
const PROGRAM = "the program\n";

/** Copy of the project with an up-to-date program, and a system to install it in. */
class Site {
  private constructor(readonly folder: string) {}

  static async make(): Promise<Site> {
    const site = new Site(await Deno.makeTempDir({ prefix: "nsm-install." }));
    const copied = ["install.sh", ".ci", "conf", "LICENSE", "main.ts", "deno.json"];
    await Deno.mkdir(`${site.project}/lib`, { recursive: true });
    await Deno.mkdir(`${site.project}/dist`);
    await succeed("cp", "-r", ...copied.map((name) => PROJECT + name), site.project);
    await Deno.writeTextFile(`${site.project}/dist/rpc.statd`, PROGRAM);
    await Deno.chmod(`${site.project}/dist/rpc.statd`, 0o755);
    for (const shell of ["bash", "zsh", "fish"]) {
      const folder = `${site.project}/dist/completion/${shell}`;
      await Deno.mkdir(folder, { recursive: true });
      for (const name of COMPLETED) await Deno.writeTextFile(`${folder}/${name}`, `${name}\n`);
    }
    await Deno.mkdir(site.root);
    return site;
  }

  get project(): string {
    return `${this.folder}/project`;
  }

  get root(): string {
    return `${this.folder}/root`;
  }

  /** Calls install.sh. */
  async call(...args: string[]): Promise<{ code: number; said: string }> {
    const { code, stderr } = await new Deno.Command(`${this.project}/install.sh`, {
      args,
      env: { DESTDIR: this.root, LC_ALL: "C" },
    }).output();
    return { code, said: new TextDecoder().decode(stderr) };
  }

  /** Calls install.sh, which must succeed. */
  async do(...args: string[]): Promise<string> {
    const { code, said } = await this.call(...args);
    assertEquals(code, 0, said);
    return said;
  }

  /** All entries of the system: type, mode, and content or link target. */
  tree(folder = ""): Map<string, string> {
    const found = new Map<string, string>();
    for (const { name } of Deno.readDirSync(this.root + folder)) {
      const path = `${folder}/${name}`;
      if (path === "/var/lib/dpkg") continue;
      const { isDirectory, isSymlink, mode } = Deno.lstatSync(this.root + path);
      const rights = (mode! & 0o7777).toString(8);
      if (isSymlink) found.set(path, `link ${Deno.readLinkSync(this.root + path)}`);
      else if (!isDirectory) {
        found.set(path, `${rights} ${Deno.readTextFileSync(this.root + path)}`);
      } else {
        found.set(path, `folder ${rights}`);
        for (const [below, what] of this.tree(path)) found.set(below, what);
      }
    }
    return found;
  }

  /** Adds a file to the system. */
  async put(path: string, text: string, mode = 0o644): Promise<void> {
    const folder = path.slice(0, path.lastIndexOf("/"));
    await Deno.mkdir(this.root + folder, { recursive: true });
    await Deno.writeTextFile(this.root + path, text);
    await Deno.chmod(this.root + path, mode);
  }

  read(path: string): string {
    return Deno.readTextFileSync(this.root + path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

Deno.test("install links the agent into the folder of an installed Pacemaker", async () => {
  await using site = await Site.make();
  await Deno.mkdir(`${site.root}/usr/lib/ocf/resource.d`, { recursive: true });
  const before = site.tree();
  await site.do("install");
  const agent = "lib/ocf/resource.d/nsm/identity";
  assertEquals(site.tree().get(`/usr/${agent}`), `link /usr/local/${agent}`);
  const text = site.read(`/usr/local/${agent}`);
  assertStringIncludes(text, ":=/usr/local/sbin/nsmctl}");
  await site.do("uninstall");
  assertEquals(site.tree(), before);
});

Deno.test("install puts each file in its place, and uninstall leaves no trace", async () => {
  await using site = await Site.make();
  await site.put("/usr/local/sbin/other", "somebody else's\n");
  await Deno.mkdir(`${site.root}/usr/local/share/man`, { recursive: true });
  const before = site.tree();
  await site.do("install");

  const added = [...site.tree()].filter(([path, what]) =>
    !before.has(path) && !what.startsWith("folder") && !path.startsWith("/usr/local/lib/nsm/")
  );
  assertEquals(
    added.map(([path]) => path.replace("/usr/local/", "")).sort(),
    [
      "lib/ocf/resource.d/nsm/identity",
      "lib/systemd/system/rpc-statd-notify.service",
      "lib/systemd/system/rpc-statd.service",
      "lib/systemd/system/rpcbind.service",
      "lib/systemd/system/rpcbind.socket",
      "lib/sysusers.d/nsm.conf",
      "lib/tmpfiles.d/nsm.conf",
      "sbin/nsmctl",
      "sbin/rpc.statd",
      "sbin/rpcbind",
      "sbin/sm-notify",
      "sbin/start-statd",
      "share/doc/nsm/LICENSE",
      "share/doc/nsm/NOTICES",
      "share/doc/nsm/nfs.conf",
      "share/doc/nsm/nsm.json",
      "share/doc/nsm/nsm.rules.test.yml",
      "share/doc/nsm/nsm.rules.yml",
      "share/doc/nsm/nsm.te",
      "share/doc/nsm/nsmctl.schema.json",
      "share/doc/nsm/sm-notify.schema.json",
      "share/doc/nsm/usr.sbin.rpc.statd",
      ...COMPLETED.flatMap((name) => [
        `share/bash-completion/completions/${name}`,
        `share/zsh/vendor-completions/_${name}`,
        `share/fish/vendor_completions.d/${name}.fish`,
      ]),
      ...manualPages().map((name) => `share/man/man${name.slice(-1)}/${name}.gz`),
      "share/man/man8/rpc.sm-notify.8.gz",
      "share/man/man8/rpc.statd.8.gz",
    ].sort(),
  );
  const what = new Map(added);
  assertEquals(what.get("/usr/local/sbin/rpc.statd"), `755 ${PROGRAM}`);
  assertEquals(what.get("/usr/local/sbin/sm-notify"), `755 ${PROGRAM}`); // realworld F2
  assertMatch(
    what.get("/usr/local/lib/systemd/system/rpc-statd.service")!,
    /^644 [^]*\nExecStart=\/usr\/local\/sbin\/rpc\.statd -F\n/,
  );
  assert(added.every(([, text]) => !text.includes("@sbindir@")));
  const page = `${site.root}/usr/local/share/man/man8/rpc.statd.8.gz`;
  assertEquals(await succeed("gzip", "-dc", page), Deno.readTextFileSync(`${PROJECT}conf/statd.8`));

  await site.do("uninstall");
  assertEquals(site.tree(), before);
});

function manualPages(): string[] {
  return Array.from(Deno.readDirSync(`${PROJECT}conf`), ({ name }) => name)
    .filter((name) => /\.[578]$/.test(name));
}

Deno.test("install keeps what it replaces, and uninstall puts it back", async () => {
  await using site = await Site.make();
  await site.put("/usr/sbin/rpc.statd", "the other program\n", 0o711);
  await site.put("/usr/lib/systemd/system/rpc-statd.service", "the other unit\n", 0o600);
  await Deno.symlink("/bin/true", `${site.root}/usr/sbin/sm-notify`);
  const before = site.tree();
  assertStringIncludes(await site.do("install", "--prefix", "/usr"), "Kept a copy");
  assertEquals(site.read("/usr/sbin/rpc.statd"), PROGRAM);
  assertEquals(site.tree().get("/usr/sbin/sm-notify"), `755 ${PROGRAM}`);
  await site.do("uninstall", "--prefix=/usr");
  assertEquals(site.tree(), before);
});

Deno.test("an rpcbind of any other package is left alone", async () => {
  await using site = await Site.make();
  await site.put("/usr/sbin/rpcbind", "another distribution's\n");
  const before = site.tree();
  const said = await site.do("install", "--prefix", "/usr");
  assertStringIncludes(said, "Leaving the system's /usr/sbin/rpcbind alone");
  assertMatch(said, /^Installed rpc\.statd, sm-notify, nsmctl, start-statd in /m);
  assertEquals(site.read("/usr/sbin/rpcbind"), "another distribution's\n");
  assert(!site.tree().has("/usr/lib/systemd/system/rpcbind.service"));
  await site.do("uninstall", "--prefix", "/usr");
  assertEquals(site.tree(), before);
});

Deno.test("a second install equals a single one, also with another program", async () => {
  await using site = await Site.make();
  await site.put("/usr/sbin/rpc.statd", "the other program\n");
  const before = site.tree();
  await site.do("install", "--prefix", "/usr");
  const once = site.tree();
  await site.do("install", "--prefix", "/usr");
  const lines = (tree: Map<string, string>) =>
    tree.get("/usr/lib/nsm/installed")!.split("\n").sort();
  const twice = site.tree();
  assertEquals(lines(twice), lines(once));
  for (const tree of [once, twice]) tree.delete("/usr/lib/nsm/installed");
  assertEquals(twice, once);

  const program = `${site.project}/dist/rpc.statd`;
  await Deno.writeTextFile(program, "a newer program\n");
  await site.do("install", "--prefix", "/usr");
  assertEquals(site.read("/usr/sbin/rpc.statd"), "a newer program\n");
  await site.do("uninstall", "--prefix", "/usr");
  assertEquals(site.tree(), before);
});

Deno.test("two installs at once do not disturb each other", async () => {
  await using site = await Site.make();
  const before = site.tree();
  await site.do("install");
  const once = site.tree();
  await site.do("uninstall");
  await Promise.all([site.do("install"), site.do("install")]);
  const lines = (tree: Map<string, string>) =>
    tree.get("/usr/local/lib/nsm/installed")!.split("\n").sort();
  assertEquals(lines(site.tree()), lines(once));
  await site.do("uninstall");
  assertEquals(site.tree(), before);
});

Deno.test("all users may enter the folders that install makes, whatever the umask", async () => {
  await using site = await Site.make();
  const umask = Deno.umask(0o077);
  try {
    await site.do("install");
  } finally {
    Deno.umask(umask);
  }
  const kinds = [...site.tree().values()].filter((what) => what.startsWith("folder"));
  assertEquals(new Set(kinds), new Set(["folder 755"]));
});

/** Stand-ins for the toolchain: the build waits in the bundler, and each waiter for a lock is recorded. */
const DENO_STAND_IN = `#!/bin/bash
while (($#)); do
  case $1 in
    bundle) is_bundle=1 ;;
    --outdir) scripts=$2 ;;
    --output) cp /usr/bin/true "$2" ;;
  esac
  shift
done
[[ \${is_bundle-} ]] || exit 0
echo >>"$RECORDS/bundles"
mkdir -p "$scripts/.ci"
: >"$scripts/main.js"
: >"$scripts/.ci/rehearsal.js"
read -r word <"$RECORDS/pipe"
`;

Deno.test("several installs with an old program build it once", async () => {
  await using site = await Site.make();
  const bin = `${site.folder}/bin`;
  const cache = `${site.folder}/cache`;
  const toolchain = Deno.readTextFileSync(`${PROJECT}.ci/toolchain.sh`);
  const [, version] = /^esbuild_version=(.*)$/m.exec(toolchain)!;
  const machine = Deno.build.arch === "x86_64" ? "x64" : "arm64";
  const programs = {
    [`${bin}/deno`]: DENO_STAND_IN,
    [`${bin}/flock`]: `#!/bin/sh\necho >>"$RECORDS/waits"\nexec /usr/bin/flock "$@"\n`,
    [`${cache}/dl/esbuild-${version}/esbuild-linux-${machine}`]: "#!/bin/sh\n",
    [`${bin}/denort`]: "SSLKEYLOGFILE DENO_LOG DENO_TOKIO\n",
  };
  for (const [path, text] of Object.entries(programs)) {
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, text, { mode: 0o755 });
  }
  await succeed("mkfifo", `${site.folder}/pipe`);
  // Open for reading, too: then writing never waits for a build.
  using pipe = await Deno.open(`${site.folder}/pipe`, { read: true, write: true });
  await Deno.utime(`${site.project}/dist/rpc.statd`, 0, 0);
  const records = (name: string) =>
    isThere(`${site.folder}/${name}`) ? Deno.readTextFileSync(`${site.folder}/${name}`).length : 0;
  const environment = {
    ...{ RECORDS: site.folder, DENO: `${bin}/deno`, DENORT_BIN: `${bin}/denort` },
    ...{ JSR_URL: "file:///none/", DENO_DIR: cache, PATH: `${bin}:${Deno.env.get("PATH")}` },
  };
  const installs = ["/one", "/two"].map((prefix) =>
    new Deno.Command(`${site.project}/install.sh`, {
      args: ["install", "--prefix", prefix],
      env: { ...environment, DESTDIR: site.root },
    }).output()
  );
  await eventually("both wait", () => records("waits") >= 2 && records("bundles") === 1);
  await pipe.write(new TextEncoder().encode("on\non\n"));
  for (const { code, stderr } of await Promise.all(installs)) {
    assertEquals(code, 0, new TextDecoder().decode(stderr));
  }
  assertEquals(records("bundles"), 1);
});

Deno.test("uninstall leaves changed files alone", async () => {
  await using site = await Site.make();
  await site.do("install");
  const unit = "/usr/local/lib/systemd/system/rpc-statd.service";
  await site.put(unit, "mine now\n");
  const { code, said } = await site.call("uninstall");
  assertEquals(code, 1);
  assertStringIncludes(said, `Left alone ${site.root}${unit}`);
  assertEquals(site.read(unit), "mine now\n");
  assert(!site.tree().has("/usr/local/sbin/rpc.statd"));
});

Deno.test("install and uninstall report errors", async () => {
  await using site = await Site.make();
  for (
    const [args, message] of [
      [["install", "--prefix", "here"], '"here" is not an absolute path'],
      [["install", "/usr"], 'unknown argument "/usr"'],
      [["install", "--prefix", "/opt/a b"], 'prefix "/opt/a b" may have letters'],
      [["uninstall"], "nothing to uninstall"],
    ] as const
  ) {
    const { code, said } = await site.call(...args);
    assertEquals(code, 1);
    assertStringIncludes(said, message);
  }
  assertEquals(site.tree(), new Map());
});

Deno.test("the script finds its own folder, whatever CDPATH says", async () => {
  await using site = await Site.make();
  const [, parent, name] = /^(.*)\/([^/]+)\/$/.exec(
    new URL("../..", import.meta.url).pathname,
  )!;
  await Deno.mkdir(`${site.folder}/${name}`);
  const { success, stdout } = await new Deno.Command("bash", {
    args: [`${name}/install.sh`, "--help"],
    cwd: parent!,
    env: { CDPATH: site.folder },
  }).output();
  assert(success);
  assertStringIncludes(new TextDecoder().decode(stdout), "usage: ./install.sh COMMAND");
});

/** Builds a package and installs it in a site's system. */
async function addPackage(
  site: Site,
  name: string,
  version: string,
  files: Record<string, string>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ dir: site.folder });
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: all\n` +
    "Maintainer: x <x@y>\nDescription: x\n";
  for (const [path, text] of Object.entries({ "/DEBIAN/control": control, ...files })) {
    await Deno.mkdir(folder + path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(folder + path, text);
  }
  await Deno.chmod(folder, 0o755);
  await succeed("dpkg-deb", "--build", "--root-owner-group", folder, `${folder}.deb`);
  await succeed("dpkg", `--root=${site.root}`, "--install", `${folder}.deb`);
}

/** Package with the files that we replace. */
async function addNfs(site: Site, version: string, sbin: string): Promise<void> {
  await addPackage(site, "nfs-common", version, {
    [`${sbin}/rpc.statd`]: `packaged ${version}\n`,
    "/usr/share/man/man8/statd.8.gz": `page ${version}\n`,
  });
}

const packager = ["dpkg", "dpkg-deb", "dpkg-divert"].map((name) => `/usr/bin/${name}`);
const canPackage = Deno.uid() === 0 && packager.every(isThere);
if (!canPackage) {
  // deno-lint-ignore no-console -- a skipped test says why
  console.log("skipped: tests of installing over a package, which need root and dpkg");
}

for (const laterSbin of ["/sbin", "/usr/sbin"]) {
  Deno.test(`install diverts files of a package, upgrades to ${laterSbin} too`, {
    ignore: !canPackage,
  }, async () => {
    await using site = await Site.make();
    await Deno.mkdir(`${site.root}/usr/sbin`, { recursive: true });
    await Deno.symlink("usr/sbin", `${site.root}/sbin`);
    await site.put("/var/lib/dpkg/status", "");
    await Deno.mkdir(`${site.root}/var/lib/dpkg/info`);
    await Deno.mkdir(`${site.root}/var/lib/dpkg/updates`);
    // As on a real system, /sbin survives when one package drops it.
    await addPackage(site, "base", "1", { "/sbin/other": "other\n" });
    await addNfs(site, "1", "/sbin");
    assertEquals(site.read("/usr/sbin/rpc.statd"), "packaged 1\n");

    assertStringIncludes(await site.do("install", "--prefix", "/usr"), "Diverted");
    await addNfs(site, "2", laterSbin);
    assertEquals(site.read("/usr/sbin/rpc.statd"), PROGRAM);
    await site.do("uninstall", "--prefix", "/usr");

    assertEquals(site.read("/usr/sbin/rpc.statd"), "packaged 2\n");
    assertEquals(site.read("/usr/share/man/man8/statd.8.gz"), "page 2\n");
    assertEquals(await succeed("dpkg-divert", `--root=${site.root}`, "--list"), "");
    assert(!site.tree().has("/usr/lib/nsm"));
  });
}

const SHELLCHECK = "/usr/bin/shellcheck";
// deno-lint-ignore no-console -- a skipped test says why
if (!isThere(SHELLCHECK)) console.log(`skipped: install_test.ts wants ${SHELLCHECK}`);

Deno.test("shellcheck finds no fault", { ignore: !isThere(SHELLCHECK) }, async () => {
  const below = (folder: string) =>
    Array.from(Deno.readDirSync(PROJECT + folder), ({ name }) => `${folder}/${name}`);
  const scripts = [
    "install.sh",
    ".ci/run",
    "conf/containers/make-root",
    "conf/ocf/identity",
    ...below(".ci").filter((name) => name.endsWith(".sh")),
    ...below(".ci/deb").filter((name) => /(inst|rm)$/.test(name)),
    ...below("test/newcomer"),
  ].map((name) => PROJECT + name);
  assertEquals(await succeed(SHELLCHECK, "-x", "-P", PROJECT, ...scripts), "");
});

/** Output of a program that must succeed. */
async function succeed(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert(success, `${program}: ${out}${err}`);
  return out!;
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
