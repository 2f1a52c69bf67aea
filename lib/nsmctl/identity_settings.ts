/** What nfs.conf says of identities: the sections `[identity "ID"]`. */

import {
  DEFINITION_KEYS,
  DefinitionError,
  type DefinitionKey,
  type DefinitionTexts,
} from "../cluster/definition.ts";
import { type Environment, lookUp, readNfsConf } from "../config/ini_file.ts";
import type { ReadFiles } from "../config/read_files.ts";
import { quote } from "../quote.ts";

const SECTION = "identity";

/**
 * The definitions in nfs.conf, by id; sections that nfs-utils ignores.
 *
 * @throws {DefinitionError} When a section has a key that means nothing.
 */
export function configuredIdentities(
  env: Environment,
  files: ReadFiles,
): Map<string, DefinitionTexts> {
  const conf = readNfsConf(files);
  const found = new Map<string, Partial<Record<DefinitionKey, string>>>();
  for (const { section, arg, key, source } of conf.assignments) {
    if (section !== SECTION || arg === undefined) continue;
    const known = DEFINITION_KEYS.find((name) => name === key);
    if (known === undefined) {
      throw new DefinitionError(`${source}: ${quote(key)} is no setting of an identity`);
    }
    const isThis = (at: { section?: string | undefined; arg?: string | undefined; key: string }) =>
      at.section === SECTION && at.arg === arg && at.key === key;
    const value = lookUp(conf, env, isThis)?.value;
    if (value !== undefined) found.set(arg, { ...found.get(arg), [known]: value });
  }
  return found;
}
