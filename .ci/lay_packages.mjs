// Lays out the published code of the @std packages as a JSR registry on disk.
//
//   deno run lay_packages.mjs DIR CARRIER…    DIR is made; each CARRIER is an opened npm package
//
// The npm packages that carry the code bundle it below deps/jsr.io, compiled to JavaScript, with its
// declarations.

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import process from "node:process";

/** The packages that are wanted, with what they import, by the npm package that carries them. */
const carried = {
  "keep-a-changelog": ["cli/1.0.13", "ini/0.225.2", "path/1.0.8"],
  "windmill-cli": ["fmt/1.0.8", "fs/1.0.20", "io/0.225.2", "log/0.224.14"],
  "veryfront": ["assert/1.0.19", "internal/1.0.14"],
};

function filesBelow(folder, prefix = "") {
  return fs.readdirSync(join(folder, prefix), { withFileTypes: true }).flatMap((entry) => {
    const name = join(prefix, entry.name);
    return entry.isDirectory() ? filesBelow(folder, name) : [name];
  });
}

/** Undoes what the bundler of the carrier did: its stand-ins for Deno's own globals. */
function asPublished(text, declarations) {
  const plain = text
    .replace(/^import \* as dntShim from ".*_dnt\.shims\.js";\n/m, "")
    .replace(/(dntShim\.)?dntGlobalThis/g, "globalThis")
    .replace(/dntShim\./g, "");
  return declarations ? `// @ts-self-types="./${declarations}"\n${plain}` : plain;
}

/** The names under which JSR offers the files of an @std package. */
function exportsOf(files) {
  const names = files.filter((file) => /^([a-z]\w*|[a-z]+\/mod)\.js$/.test(file));
  return Object.fromEntries(names.map((file) => {
    const name = file.replace(/(^|\/)mod\.js$|\.js$/, "").replaceAll("_", "-");
    return [name === "" ? "." : `./${name}`, `./${file}`];
  }));
}

function layPackage(jsr, opened, folder) {
  const [name, version] = folder.split("/");
  const target = join(jsr, "@std", folder);
  const manifest = {};
  const sources = new Map();
  for (const root of ["esm", "types"]) {
    const from = join(opened, root, "deps/jsr.io/@std", folder);
    if (!fs.existsSync(from)) continue;
    for (const file of filesBelow(from)) {
      if (/\.(js|d\.ts)$/.test(file)) sources.set(file, join(from, file));
    }
  }
  for (const file of [...sources.keys()].sort()) {
    const declarations = file.replace(/\.js$/, ".d.ts");
    const has = declarations !== file && sources.has(declarations);
    const text = asPublished(
      fs.readFileSync(sources.get(file), "utf8"),
      has && declarations.split("/").pop(),
    );
    fs.mkdirSync(dirname(join(target, file)), { recursive: true });
    fs.writeFileSync(join(target, file), text);
    manifest[`/${file}`] = {
      size: Buffer.byteLength(text),
      checksum: `sha256-${createHash("sha256").update(text).digest("hex")}`,
    };
  }
  const meta = { scope: "std", name, latest: version, versions: { [version]: {} } };
  const versionMeta = { manifest, exports: exportsOf([...sources.keys()].sort()) };
  fs.writeFileSync(join(target, "../meta.json"), JSON.stringify(meta));
  fs.writeFileSync(`${target}_meta.json`, JSON.stringify(versionMeta));
}

const [jsr, ...carriers] = process.argv.slice(2);
for (const carrier of carriers) {
  for (const folder of carried[basename(carrier)]) layPackage(jsr, carrier, folder);
}
