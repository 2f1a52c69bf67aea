/** Looks up one key, like `nfsconf --get [--arg ARG] SECTION KEY`. */

import { type Assignment, lookUp, type NfsConf } from "../../lib/config/ini_file.ts";
import type { NfsConfCase } from "./nfsconf_cases.ts";

/** Key to look up; by default `a` of section `s`. */
export type Question = Pick<NfsConfCase, "section" | "arg" | "key" | "env">;

/** Assignment in effect. */
export function get(conf: NfsConf, question: Question = {}): Assignment | undefined {
  const { section = "s", arg, key = "a", env = {} } = question;
  return lookUp(
    conf,
    new Map(Object.entries(env)),
    (at) =>
      at.section === section && at.arg?.toLowerCase() === arg?.toLowerCase() && at.key === key,
  );
}
