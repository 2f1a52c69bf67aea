/** Identities in nfs.conf, the access to etcd there, and the faults of both. */

import {
  DEFINITION_KEYS,
  type DefinitionKey,
  type DefinitionTexts,
  readDefinition,
} from "../cluster/definition.ts";
import { type EtcdConfig, etcdConfig, etcdSection } from "../config/etcd_settings.ts";
import { quoteValue } from "../config/grammar.ts";
import { identitySections, type WrittenSetting } from "../config/identity_sections.ts";
import { type Environment, type NfsConf, readNfsConf } from "../config/ini_file.ts";
import { didYouMean, nearest } from "../config/nearest.ts";
import type { ReadFiles } from "../config/read_files.ts";
import { quote } from "../quote.ts";
import { messageOf } from "../reason.ts";

/** Identity of nfs.conf; `fault`: why it cannot be acquired. */
export interface ConfiguredIdentity {
  readonly texts: DefinitionTexts;
  readonly fault?: IdentityFault;
}

/** Fault of a section: one line, with the place and the intended key of an unknown one. */
export interface IdentityFault {
  readonly message: string;
  /** `FILE:LINE`; empty if the fault is that of the whole section. */
  readonly source: string;
  readonly key: string;
  readonly meant?: string;
}

/** Section of an identity, also without a quoted name, or that of etcd. */
const OWN_SECTION = /^(?:identity|etcd)\b/;
/** Column of the places in a report. */
const PLACE_COLUMN = 40;

/** Definitions in nfs.conf, by id. A fault of one section leaves the other ones usable. */
export function configuredIdentities(
  env: Environment,
  files: ReadFiles,
): Map<string, ConfiguredIdentity> {
  const found = new Map<string, ConfiguredIdentity>();
  for (const [id, settings] of identitySections(env, files)) {
    found.set(id, configuredIdentity(id, settings));
  }
  return found;
}

function configuredIdentity(
  id: string,
  settings: ReadonlyMap<string, WrittenSetting>,
): ConfiguredIdentity {
  const texts: Partial<Record<DefinitionKey, string>> = {};
  let fault: IdentityFault | undefined;
  for (const [key, { value, source }] of settings) {
    const known = DEFINITION_KEYS.find((name) => name === key);
    if (known !== undefined) texts[known] = value;
    else fault ??= unknownKey(key, source);
  }
  try {
    readDefinition(id, texts);
  } catch (error) {
    fault ??= { message: messageOf(error), source: "", key: "" };
  }
  return { texts, ...(fault === undefined ? {} : { fault }) };
}

function unknownKey(key: string, source: string): IdentityFault {
  const meant = nearest(key, DEFINITION_KEYS);
  const advice = didYouMean(key, DEFINITION_KEYS);
  const message = `${source}: ${quote(key)} is not a setting of an identity${advice}`;
  return { message, source, key, ...(meant === undefined ? {} : { meant }) };
}

/** Faults of all sections `[identity]`, and of `[etcd]`. Hosts without such sections read nfs.conf once. */
export function identityFaults(env: Environment, files: ReadFiles): readonly IdentityFault[] {
  const conf = readNfsConf(files);
  if (!conf.assignments.some(({ section = "" }) => OWN_SECTION.test(section))) return [];
  const identities = [...configuredIdentities(env, files).values()];
  const faults = [...nameless(conf), ...identities.flatMap(({ fault }) => fault ?? [])];
  const etcd = configuredEtcd(env, files);
  if (typeof etcd === "string") {
    const [source = ""] = /^\/\S+:\d+/.exec(etcd) ?? [];
    return [...faults, { message: etcd, source, key: "" }];
  }
  const isWanted = identities.some(({ texts }) => texts.ledger?.trim() === "etcd");
  if (etcd !== undefined || !isWanted) return faults;
  const message = "nfs.conf has identities with ledger = etcd, and no section [etcd]";
  return [...faults, { message, source: "", key: "" }];
}

/** Sections without a quoted name, which define no identity. */
function nameless({ assignments }: NfsConf): IdentityFault[] {
  const sections = new Map<string, IdentityFault>();
  for (const { section = "", arg, source } of assignments) {
    const [word, name = "NAME"] = section.split(/[\s:]+/);
    if (word !== "identity" || arg !== undefined || sections.has(section)) continue;
    const message = `${source}: section [${section}] has no name in quotes: [identity "${name}"]`;
    sections.set(section, { message, source, key: "" });
  }
  return [...sections.values()];
}

/** Access to etcd; undefined if there is no section, a text if it is faulty. */
function configuredEtcd(env: Environment, files: ReadFiles): EtcdConfig | undefined | string {
  try {
    return etcdConfig(env, files);
  } catch (error) {
    return messageOf(error);
  }
}

/** Report for --check-config: the sections as in effect, each setting with its place, and the faults. */
export function identityReport(
  env: Environment,
  files: ReadFiles,
): { readonly text: string; readonly isFaulty: boolean } {
  const sections: (readonly [head: string, settings: ReadonlyMap<string, WrittenSetting>])[] = [
    ...identitySections(env, files),
  ].map(([id, settings]) => [`[identity "${id}"]`, settings]);
  const etcd = etcdSection(env, files);
  if (etcd.size > 0) sections.push(["[etcd]", etcd]);
  const parts = sections.map(([head, settings]) => [head, ...linesOf(settings)]);
  const faults = identityFaults(env, files);
  if (faults.length > 0) parts.push(faults.map(({ message }) => `# warning: ${message}`));
  return {
    text: parts.map((lines) => `${lines.join("\n")}\n`).join("\n"),
    isFaulty: faults.length > 0,
  };
}

function linesOf(settings: ReadonlyMap<string, WrittenSetting>): string[] {
  return [...settings].map(([key, { value, source }]) =>
    `${`${key} = ${quoteValue(value)}`.padEnd(PLACE_COLUMN)} # ${source}`
  );
}
