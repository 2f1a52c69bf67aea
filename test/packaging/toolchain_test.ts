/**
 * Pinned toolchain: from any source, a tarball needs the SHA-512 in `.ci/toolchain.sh` (trust 21),
 * and the extracted runtime its SHA-256.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

const PROJECT = new URL("../../", import.meta.url).pathname;
/** Programs that `install.sh` needs; none of them downloads anything. */
const TOOLS = [
  ...["bash", "base64", "basename", "chmod", "cp", "dirname", "env", "flock", "head", "install"],
  ...["mkdir", "mktemp", "mv", "od", "rm", "sed", "sha256sum", "sha512sum", "tail", "tar"],
  ...["touch", "uname"],
];
/** Stand-ins that deliver a wrong file. */
const FORGERS = {
  npm: '#!/bin/sh\necho forged >"forged.tgz"\n',
  curl: '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho forged >"$2"\n',
};
/** Deno of another maker, which passes for the pinned version, and an archive that has it. */
const FORGED_DENO = '#!/bin/sh\n: >"$EXECUTED"\necho "deno 2.7.11 (stable)"\n';
const FORGED_ARCHIVE = {
  unzip: '#!/bin/sh\nwhile [ "$1" != -d ]; do shift; done\ncp "$FORGED_DENO" "$2/deno"\n',
};

/** Fetches the toolchain with TOOLS and these programs only. */
async function fetchWith(programs: Readonly<Record<string, string>>): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "nsm-toolchain." });
  try {
    await new Deno.Command("cp", {
      args: ["-r", `${PROJECT}install.sh`, `${PROJECT}.ci`, folder],
    }).output();
    const bin = `${folder}/bin`;
    await Deno.mkdir(bin);
    for (const tool of TOOLS) {
      const found = ["/usr/bin", "/bin"].map((at) => `${at}/${tool}`).find(isThere);
      await Deno.symlink(found!, `${bin}/${tool}`);
    }
    for (const [name, text] of Object.entries(programs)) {
      await Deno.writeTextFile(`${bin}/${name}`, text, { mode: 0o755 });
    }
    const [forged, executed] = [`${folder}/forged-deno`, `${folder}/executed`];
    await Deno.writeTextFile(forged, FORGED_DENO, { mode: 0o755 });
    const { code, stderr } = await new Deno.Command("/bin/bash", {
      args: [`${folder}/install.sh`, "toolchain"],
      clearEnv: true,
      env: { PATH: bin, LC_ALL: "C", FORGED_DENO: forged, EXECUTED: executed },
    }).output();
    assertEquals(isThere(executed), false, "a forged program was executed");
    assertEquals(code, 1);
    const left = Array.from(Deno.readDirSync(`${folder}/.toolchain`), ({ name }) => name);
    assertEquals(left, ["lock"], "something was left for a later run to trust");
    return new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const isX64 = Deno.build.arch === "x86_64";

for (const [name, text] of Object.entries(FORGERS)) {
  Deno.test(`trust 21: a forged tarball that ${name} brings is refused`, {
    ignore: !isX64,
  }, async () => {
    assertMatch(
      await fetchWith({ [name]: text, ...FORGED_ARCHIVE }),
      /@deno\/linux-x64-glibc@\S+ has a wrong SHA-512/,
    );
  });
}

Deno.test("portability 7: without curl and npm a message says to install one", {
  ignore: !isX64,
}, async () => {
  const said = await fetchWith({});
  assertStringIncludes(said, "neither curl nor npm is there; install curl, or npm");
});

Deno.test("a failed source is followed by the next one", { ignore: !isX64 }, async () => {
  const npm = '#!/bin/sh\necho "npm error code EAI_AGAIN" >&2\nexit 1\n';
  assertStringIncludes(await fetchWith({ npm }), "npm cannot fetch @deno/linux-x64-glibc@");
  assertStringIncludes(await fetchWith({ npm }), "(EAI_AGAIN)");
  assertStringIncludes(await fetchWith({ npm, curl: FORGERS.curl }), "wrong SHA-512");
});

Deno.test("every package that the toolchain fetches has a checksum", () => {
  const text = Deno.readTextFileSync(`${PROJECT}.ci/toolchain.sh`);
  const pins = [...text.matchAll(/^ {2}\[(\S+@[\d.]+)\]=(\S+)$/gm)];
  assertEquals(pins.length, 8);
  for (const [, spec, sha512] of pins) assertEquals(atob(sha512!).length, 64, spec);
  const carriers = /^carriers=\((.*)\)$/m.exec(text)![1]!.split(" ");
  assert(carriers.every((spec) => pins.some(([, pinned]) => pinned === spec)));
});

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

const DENORT = `${PROJECT}.toolchain/denort`;

Deno.test("a built program begins with the pinned runtime, as docs/toolchain.md shows", {
  ignore: !isX64 || !isThere(DENORT) || !isThere(`${PROJECT}dist/rpc.statd`),
}, async () => {
  const page = await Deno.readTextFile(`${PROJECT}docs/toolchain.md`);
  const [, command = ""] = /`(head -c [^`]+ \| sha256sum)`/.exec(page) ?? [];
  const pins = await Deno.readTextFile(`${PROJECT}.ci/toolchain.sh`);
  const [, pinned = ""] = /^ {2}\[x86_64\]=([0-9a-f]{64})$/m.exec(pins) ?? [];
  const { stdout } = await new Deno.Command("sh", { args: ["-c", command], cwd: PROJECT }).output();
  assertEquals(new TextDecoder().decode(stdout), `${pinned}  -\n`);
});

Deno.test("the README names every package that the tests install", () => {
  const script = Deno.readTextFileSync(`${PROJECT}install.sh`);
  const [peers, browser] = ["peers", "browser"].map((list) =>
    new RegExp(`^${list}=\\(([^)]*)\\)`, "m").exec(script)![1]!.split(/\s+/)
  );
  const readme = Deno.readTextFileSync(`${PROJECT}README.md`);
  const named = /that the tests talk to\s+\(([^)]*)\)/.exec(readme)![1]!.replaceAll(/\s+/g, " ");
  assertEquals(named.split(/[,;] /), [...peers!, `${browser} for the whole suite`]);
});

Deno.test("portability 6: the tests have netbase, whose /etc/services tells rpcbind its port", () => {
  const script = Deno.readTextFileSync(`${PROJECT}install.sh`);
  const peers = /^peers=\(([^)]*)\)/m.exec(script)![1]!.split(/\s+/);
  assert(peers.includes("netbase"), peers.join(" "));
});
