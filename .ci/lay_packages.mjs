// Gets the toolchain from an npm registry, for machines that reach nothing else.
//
//   node npm_toolchain.mjs DIR deno      DIR/deno, the command line program
//   node npm_toolchain.mjs DIR denort    DIR/denort, what `deno compile` puts under a program
//   node npm_toolchain.mjs DIR packages  DIR/packages, the @std packages laid out as a JSR registry
//   node npm_toolchain.mjs DIR esbuild   DIR/esbuild, which `deno bundle` of that version works with
//
// Every tarball is checked against the sha512 below before it is opened, every result is written
// aside and renamed, so a run that was cut short leaves nothing that a later run would trust.

import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";

const deno = {
  x64: {
    spec: "@deno/linux-x64-glibc@2.7.11",
    sha512:
      "TCRXqy4rHI+pKmWfjIz/qfDyfTz61qhxj+03kEJ3r0YzRGsXNoHyE7WiUawwUK2hbrBAu7hn3m5833VUYqRzOg==",
  },
};

/** Programs made by `deno compile` of the same version: each begins with an unchanged denort. */
const compiled = {
  x64: {
    spec: "@stdy/cli-linux-x64@0.22.2",
    sha512:
      "kp5QdG26EC8gEzVXI0YgzmiiFHz7DFCNRLNfAWa2rDPHr/jUBnfkP8AlbTPmv0YNQpnKn1wzSWHFw88fn/OTog==",
    denortSha256: "f12d5d3886d5ea138304fb8d67d7396cfbedf53656676132152cb89f3fa4d8e6",
  },
  arm64: {
    spec: "@stdy/cli-linux-arm64@0.22.2",
    sha512:
      "HjSQdAt40CpYIauUKJ1xyIEsdrf5LtQP1x8Su7BEZJN94807ROJXxabW+jXyc48823tVBkrnxNUUTrBK4TVTRw==",
    denortSha256: "9c888d915647ff971a497acd39ee45ea63da5f19d12d4363124942c257c055ef",
  },
};

const esbuild = {
  x64: {
    spec: "@esbuild/linux-x64@0.25.5",
    sha512:
      "uhj8N2obKTE6pSZ+aMUbqq+1nXxNjZIIjCjGLfsWvVpy7gKCOL6rsY1MhRh9zLtUtAI7vpgLMK6DxjO8Qm9lJw==",
  },
  arm64: {
    spec: "@esbuild/linux-arm64@0.25.5",
    sha512:
      "Z9kfb1v6ZlGbWj8EJk9T6czVEjjq2ntSYLY2cw6pAZl4oKtfgQuS4HOq41M/BcoLPzrUbNd+R4BXFyH//nHxVg==",
  },
};

/** Packages that carry the published @std code, and the folders taken from each. */
const carriers = [
  {
    spec: "keep-a-changelog@2.8.0",
    sha512:
      "RG9LRYRPy9jxBD/TRGoTwOAsWLF8iMcWFnQZP78MZk5a5TgCH9ceLy2wgpHGQHKp7jfAqS//1aj5Gu7U6/+PrA==",
    folders: ["cli/1.0.13", "ini/0.225.2", "path/1.0.8"],
  },
  {
    spec: "windmill-cli@1.596.0",
    sha512:
      "5aFVNTOEaGyTKyQlyjFI1FAZ8fTIQ2vGSmnqL3FfZuKpKWdqGXh8p9Azdp8N2MkIwyP1vYtOK9nfQk6jr6tRTw==",
    folders: ["fmt/1.0.8", "fs/1.0.20", "io/0.225.2", "log/0.224.14"],
  },
  {
    spec: "veryfront@0.1.1031",
    sha512:
      "Vhd648NOygFaqiSeT9xDRL/9Tf2KjyfpIlnz2W86fRHi9W47w7ngZisq0Xiw4nzNKN8kh5+MDD01N1E18Oidgw==",
    folders: ["assert/1.0.19", "internal/1.0.14"],
  },
];

class ToolchainError extends Error {}

const hash = (name, bytes, form) => createHash(name).update(bytes).digest(form);

// Beside the settings of whoever calls: no trace outside, and a dead network is told in seconds.
const npmSettings = {
  npm_config_loglevel: "error",
  npm_config_fetch_retry_mintimeout: "2000",
  npm_config_fetch_retry_factor: "2",
};

/** Fetches the tarball of `source` into a new folder below `work`, checks and opens it there. */
function openPackage({ spec, sha512 }, work) {
  const folder = fs.mkdtempSync(join(work, "package-"));
  try {
    execFileSync("npm", ["pack", "--ignore-scripts", spec], {
      cwd: folder,
      env: { ...process.env, ...npmSettings, npm_config_cache: join(work, "cache") },
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8",
    });
  } catch (error) {
    const reason = /\bcode (\S+)/.exec(error.stderr ?? "")?.[1] ?? error.code ?? error.status;
    throw new ToolchainError(`npm cannot fetch ${spec} (${reason}): check the network, registry`);
  }
  const tarball = join(folder, fs.readdirSync(folder).find((name) => name.endsWith(".tgz")));
  if (hash("sha512", fs.readFileSync(tarball), "base64") !== sha512) {
    throw new ToolchainError(`${spec} has a wrong sha512: fetch it from another registry`);
  }
  execFileSync("tar", ["-xzf", tarball, "-C", folder, "--strip-components=1", "--no-same-owner"]);
  return folder;
}

/** The entry of `table` for this machine. */
function pick(table, what) {
  const source = table[process.arch];
  if (source !== undefined) return source;
  throw new ToolchainError(
    `no pinned ${what} for ${process.arch}: set ${what.toUpperCase()} to yours`,
  );
}

function getDeno(work) {
  const file = join(openPackage(pick(deno, "deno"), work), "deno");
  fs.chmodSync(file, 0o755);
  return file;
}

function getEsbuild(work) {
  return join(openPackage(pick(esbuild, "esbuild"), work), "bin", "esbuild");
}

/** Cuts a compiled program at the end of its ELF part, where its own data begins. */
function getDenort(work) {
  const source = pick(compiled, "denort_bin");
  const bytes = fs.readFileSync(join(openPackage(source, work), "bin", "steady"));
  const sectionHeaders = Number(bytes.readBigUInt64LE(0x28));
  const denort = bytes.subarray(
    0,
    sectionHeaders + bytes.readUInt16LE(0x3a) * bytes.readUInt16LE(0x3c),
  );
  if (hash("sha256", denort, "hex") !== source.denortSha256) {
    throw new ToolchainError(`the denort inside ${source.spec} is not the expected one`);
  }
  const file = join(work, "denort");
  fs.writeFileSync(file, denort, { mode: 0o755 });
  return file;
}

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
      checksum: `sha256-${hash("sha256", text, "hex")}`,
    };
  }
  const meta = { scope: "std", name, latest: version, versions: { [version]: {} } };
  const versionMeta = { manifest, exports: exportsOf([...sources.keys()].sort()) };
  fs.writeFileSync(join(target, "../meta.json"), JSON.stringify(meta));
  fs.writeFileSync(`${target}_meta.json`, JSON.stringify(versionMeta));
}

function getPackages(work) {
  const jsr = join(work, "packages");
  for (const carrier of carriers) {
    const opened = openPackage(carrier, work);
    for (const folder of carrier.folders) layPackage(jsr, opened, folder);
  }
  return jsr;
}

const makers = { deno: getDeno, denort: getDenort, packages: getPackages, esbuild: getEsbuild };
const [dir, what] = process.argv.slice(2);
const work = fs.mkdtempSync(join(dir, "tmp-"));
try {
  fs.renameSync(makers[what](work), join(dir, what));
} catch (error) {
  if (!(error instanceof ToolchainError)) throw error;
  process.stderr.write(`npm toolchain: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}
