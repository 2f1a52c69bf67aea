import { assertEquals } from "@std/assert";
import { readConfFile, readNfsConf, systemFiles } from "../../lib/config/ini_file.ts";
import { MemoryFiles } from "../support/memory_files.ts";
import { get } from "./get.ts";
import { NFSCONF_CASES } from "./nfsconf_cases.ts";

function under(folder: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]),
  );
}

for (const { name, text, value, files, ...question } of NFSCONF_CASES) {
  Deno.test(`readConfFile() ${name}`, { permissions: "none" }, () => {
    const all = new MemoryFiles(under("/etc", { ...files, "nfs.conf": text }));
    const conf = readConfFile("/etc/nfs.conf", all);
    assertEquals(get(conf, question)?.value, value);
  });
}

function warnings(files: Record<string, string>, unreadable: Record<string, string> = {}) {
  return readNfsConf(new MemoryFiles(files, unreadable)).warnings.map(({ message }) => message);
}

Deno.test("readConfFile() names file and line of an assignment", { permissions: "none" }, () => {
  const files = new MemoryFiles({
    "/etc/nfs.conf": "[s]\na=\\\n1\ninclude=i\n",
    "/etc/i": "\nb=2\n",
  });
  const conf = readConfFile("/etc/nfs.conf", files);
  assertEquals(get(conf)?.source, "/etc/nfs.conf:2");
  assertEquals(get(conf, { key: "b" })?.source, "/etc/i:2");
});

Deno.test("readNfsConf() warns once of each bad line, by number", { permissions: "none" }, () => {
  const text = 'x=1\n[s\ny=1\n[s]\nz\n=1\na="x\n[t "u]\nb=1';
  assertEquals(warnings({ "/etc/nfs.conf": text }), [
    "/etc/nfs.conf:1: Ignored: the line is in no section",
    "/etc/nfs.conf:2: No ] in the section header; lines up to the next section are ignored",
    "/etc/nfs.conf:3: Ignored: the line is in no section",
    "/etc/nfs.conf:5: Ignored: neither an assignment nor a section",
    "/etc/nfs.conf:6: Ignored: no name before =",
    "/etc/nfs.conf:7: Ignored: no closing quote",
    '/etc/nfs.conf:8: No closing " in the section header; read as a section without argument',
    "/etc/nfs.conf:9: The last line has no line end; it is still read",
  ]);
});

Deno.test(
  "readNfsConf() names a byte order mark, which hides a section",
  { permissions: "none" },
  () => {
    assertEquals(warnings({ "/etc/nfs.conf": "\ufeff[s]\r\na=1\r\n[s]\r\nb=\ufeff\r\n" }), [
      "/etc/nfs.conf:1: Ignored: a byte order mark stands before it; save the file without one",
      "/etc/nfs.conf:2: Ignored: the line is in no section",
    ]);
  },
);

Deno.test("readNfsConf() warns of a file it cannot include", { permissions: "none" }, () => {
  const text = "[s]\ninclude=none\ninclude=-none\n";
  assertEquals(warnings({ "/etc/nfs.conf": text }), [
    '/etc/nfs.conf:2: include: Cannot read "/etc/none": no such file',
  ]);
});

Deno.test(
  "readNfsConf() ends where a file includes itself many times",
  { permissions: "none" },
  () => {
    const faults = warnings({ "/etc/nfs.conf": `[s]\n${"include=nfs.conf\n".repeat(5)}` });
    const end = 'Cannot read "/etc/nfs.conf": more than 100 files are included';
    assertEquals(faults.at(-1), `/etc/nfs.conf:6: include: ${end}`);
  },
);

Deno.test("readNfsConf() warns of a circle of includes once", { permissions: "none" }, () => {
  assertEquals(warnings({ "/etc/nfs.conf": "[s]\ninclude=nfs.conf\n" }), [
    '/etc/nfs.conf:2: include: Cannot read "/etc/nfs.conf": more than 10 files deep',
  ]);
});

Deno.test("readNfsConf() skips a file that it may not read", { permissions: "none" }, () => {
  const files = { "/etc/nfs.conf.d/x.conf": "[s]\na=1\n" };
  const unreadable = { "/etc/nfs.conf": "Permission denied" };
  assertEquals(warnings(files, unreadable), ["/etc/nfs.conf: Ignored: Permission denied"]);
  const conf = readNfsConf(new MemoryFiles(files, unreadable));
  assertEquals(get(conf)?.value, "1");
});

Deno.test("readNfsConf() says nothing of missing files", { permissions: "none" }, () => {
  assertEquals(readNfsConf(new MemoryFiles({})).assignments, []);
  assertEquals(warnings({}), []);
});

const VENDOR = {
  "/usr/etc/nfs.conf": "[s]\na=vendor\nb=vendor\n",
  "/usr/etc/nfs.conf.d/x.conf": "[s]\na=vendor drop-in\n",
};

type VendorCase = readonly [string, Record<string, string>, a?: string, b?: string | undefined];
const VENDOR_CASES: readonly VendorCase[] = [
  ["reads the distribution's files", VENDOR, "vendor drop-in", "vendor"],
  [
    "lets the administrator's drop-in files override the distribution's",
    { ...VENDOR, "/etc/nfs.conf.d/x.conf": "[s]\na=local\n" },
    "local",
    "vendor",
  ],
  [
    "forgets the distribution's files if the administrator has a main file",
    { ...VENDOR, "/etc/nfs.conf": "[s]\na=local\n" },
    "local",
    undefined,
  ],
];

for (const [name, files, a, b] of VENDOR_CASES) {
  Deno.test(`readNfsConf() ${name}`, { permissions: "none" }, () => {
    const conf = readNfsConf(new MemoryFiles(files));
    assertEquals(get(conf)?.value, a);
    assertEquals(get(conf, { key: "b" })?.value, b);
  });
}

Deno.test("readNfsConf() reads at most 128 KiB, and reports that the file was cut", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/nfs.conf`;
    Deno.mkdirSync(`${path}.d`);
    Deno.writeTextFileSync(path, `[s]\na=1\n${"#\n".repeat(30_000)}`);
    assertEquals(readConfFile(path, systemFiles).isWhole, true);
    Deno.writeTextFileSync(`${path}.d/a.conf`, `[s]\na=2\n${"#\n".repeat(60_000)}`);
    Deno.writeTextFileSync(`${path}.d/b.conf`, "[s]\nb=3\n");
    const conf = readConfFile(path, systemFiles);
    assertEquals([get(conf)?.value, get(conf, { key: "b" })?.value, conf.isWhole], [
      "1",
      "3",
      false,
    ]);
    assertEquals(conf.warnings.map(({ message }) => message), [
      `${path}.d/a.conf: Ignored: longer than 131072 bytes, with the files before it`,
    ]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
