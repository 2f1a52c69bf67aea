/** Identities in nfs.conf. */

import {
  DEFINITION_KEYS,
  DefinitionError,
  type DefinitionKey,
  type DefinitionTexts,
} from "../cluster/definition.ts";
import { identitySections } from "../config/identity_sections.ts";
import type { Environment } from "../config/ini_file.ts";
import type { ReadFiles } from "../config/read_files.ts";
import { quote } from "../quote.ts";

/**
 * Definitions in nfs.conf, by id.
 *
 * @throws {DefinitionError} When a section has an unknown key.
 */
export function configuredIdentities(
  env: Environment,
  files: ReadFiles,
): Map<string, DefinitionTexts> {
  const found = new Map<string, DefinitionTexts>();
  for (const [id, settings] of identitySections(env, files)) {
    const texts: Partial<Record<DefinitionKey, string>> = {};
    for (const [key, { value, source }] of settings) {
      const known = DEFINITION_KEYS.find((name) => name === key);
      if (known === undefined) {
        throw new DefinitionError(`${source}: ${quote(key)} is not a setting of an identity`);
      }
      texts[known] = value;
    }
    found.set(id, texts);
  }
  return found;
}
