// Writes an SBOM in SPDX 2.3: what the files of a release consist of.
//
//   deno run sbom.mjs FILE VERSION SECONDS LIBRARIES
//
// SECONDS is the time of the release. LIBRARIES has a line for each of Debian's packages in the image:
// architecture, name, version and SHA-256. All else is in deno.json and toolchain.sh.

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import process from "node:process";

const [target, version, seconds, libraries] = process.argv.slice(2);
const toolchain = fs.readFileSync(".ci/toolchain.sh", "utf8");
const imports = JSON.parse(fs.readFileSync("deno.json", "utf8")).imports;
const dist = "dist/";

const id = (text) => `SPDXRef-${text.replaceAll(/[^A-Za-z0-9.-]+/g, "-")}`;

/** A package of the document; `more` are further fields. */
const entry = (name, versionInfo, license, purl, more = {}) => ({
  name,
  SPDXID: id(`${name}-${versionInfo}${more.suffix ?? ""}`),
  versionInfo,
  downloadLocation: "NOASSERTION",
  filesAnalyzed: false,
  licenseConcluded: license,
  licenseDeclared: license,
  copyrightText: "NOASSERTION",
  ...(purl === undefined ? {} : {
    externalRefs: [{
      referenceCategory: "PACKAGE-MANAGER",
      referenceType: "purl",
      referenceLocator: purl,
    }],
  }),
  ...(more.sha256 === undefined
    ? {}
    : { checksums: [{ algorithm: "SHA256", checksumValue: more.sha256 }] }),
  ...(more.comment === undefined ? {} : { comment: more.comment }),
});

const product = entry("nsm", version, "MIT", undefined);
const denoVersion = /^deno_version=(.*)$/m.exec(toolchain)[1];
const runtimes = [...toolchain.matchAll(/^ {2}\[(x86_64|aarch64)\]=([0-9a-f]{64})$/gm)].map(
  ([, arch, sha256]) =>
    entry("denort", denoVersion, "MIT", `pkg:github/denoland/deno@v${denoVersion}`, {
      sha256,
      suffix: `-${arch}`,
      comment: `The runtime of the program for ${arch}; it contains V8 and more, see NOTICES.`,
    }),
);

/** The version that each @std package has in the program, as its carrier has it. */
const laid = fs.readFileSync(".ci/lay_packages.mjs", "utf8");
const standard = [...laid.matchAll(/"([a-z]+)\/(\d+\.\d+\.\d+)"/g)]
  .filter(([, name]) => name !== "assert" && name !== "internal") // for tests
  .map(([, name, its]) => entry(`@std/${name}`, its, "MIT", `pkg:jsr/%40std/${name}@${its}`));
for (const [name, spec] of Object.entries(imports)) {
  if (
    name !== "@std/assert" && !standard.some((each) => spec.endsWith(`${name}@${each.versionInfo}`))
  ) {
    throw new Error(`${spec} of deno.json is not what the toolchain brings`);
  }
}

const pins = new Map(
  [...toolchain.matchAll(/^ {2}\[(\S+)@([\d.]+)\]=(\S+)$/gm)].map(([, name, its, sha512]) => [
    name,
    entry(name, its, "NOASSERTION", `pkg:npm/${name.replace("@", "%40")}@${its}`, {
      comment: `Used to build. SHA-512 ${Buffer.from(sha512, "base64").toString("hex")}`,
    }),
  ]),
);

const fromDebian = fs.readFileSync(libraries, "utf8").trim().split("\n").map((line) => {
  const [arch, name, its, sha256] = line.split(" ");
  const debian = arch === "x86_64" ? "amd64" : "arm64";
  const license = name === "libc6"
    ? "LGPL-2.1-or-later"
    : "GPL-3.0-or-later WITH GCC-exception-3.1";
  return entry(
    name,
    its,
    license,
    `pkg:deb/debian/${name}@${encodeURIComponent(its)}?arch=${debian}`,
    {
      sha256,
      suffix: `-${debian}`,
      comment: `In the image for ${debian} only.`,
    },
  );
});

const files = fs.readdirSync(dist)
  .filter((name) => /^nsm[-_].*\.(gz|deb|tar)$/.test(name) && fs.statSync(dist + name).isFile())
  .sort()
  .map((name) => {
    const bytes = fs.readFileSync(dist + name);
    const sum = (algorithm) => ({
      algorithm,
      checksumValue: createHash(algorithm.toLowerCase()).update(bytes).digest("hex"),
    });
    return {
      fileName: `./${name}`,
      SPDXID: id(name),
      checksums: [sum("SHA1"), sum("SHA256")],
      licenseConcluded: "MIT",
      copyrightText: "NOASSERTION",
    };
  });

const relation = (spdxElementId, relationshipType, relatedSpdxElement) => ({
  spdxElementId,
  relationshipType,
  relatedSpdxElement,
});
const contained = [...runtimes, ...standard];
const document = {
  spdxVersion: "SPDX-2.3",
  dataLicense: "CC0-1.0",
  SPDXID: "SPDXRef-DOCUMENT",
  name: `nsm-${version}`,
  documentNamespace: `https://spdx.org/spdxdocs/nsm-${version}-${
    files[0].checksums[1].checksumValue
  }`,
  creationInfo: {
    created: new Date(Number(seconds) * 1000).toISOString().replace(".000", ""),
    creators: ["Tool: install.sh release"],
  },
  packages: [product, ...contained, ...fromDebian, ...pins.values()],
  files,
  relationships: [
    relation("SPDXRef-DOCUMENT", "DESCRIBES", product.SPDXID),
    ...contained.map((each) => relation(product.SPDXID, "CONTAINS", each.SPDXID)),
    ...[...pins.values()].map((each) => relation(each.SPDXID, "BUILD_TOOL_OF", product.SPDXID)),
    ...files.map((each) => relation(each.SPDXID, "GENERATED_FROM", product.SPDXID)),
    ...fromDebian.map((each) =>
      relation(
        files.find((file) => file.fileName.endsWith(".oci.tar")).SPDXID,
        "CONTAINS",
        each.SPDXID,
      )
    ),
  ],
};
fs.writeFileSync(target, `${JSON.stringify(document, null, 2)}\n`);
