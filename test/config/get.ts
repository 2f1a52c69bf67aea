/** Asks for one key, as `nfsconf --get [--arg ARG] SECTION KEY` does. */

import { type Assignment, lookUp, type NfsConf } from "../../lib/config/ini_file.ts";
import type { NfsConfCase } from "./nfsconf_cases.ts";

/** What to ask for; key `a` of section `s` unless given. */
export type Question = Pick<NfsConfCase, "section" | "arg" | "key" | "env">;

/** The assignment in effect. */
export function get(conf: NfsConf, question: Question = {}): Assignment | undefined {
  const { section = "s", arg, key = "a", env = {} } = question;
  return lookUp(
    conf,
    new Map(Object.entries(env)),
    (at) =>
      at.section === section && at.arg?.toLowerCase() === arg?.toLowerCase() && at.key === key,
  );
}
