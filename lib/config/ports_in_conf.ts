/** Ports in nfs.conf of all services of this host, of which some start later than we do. */

import { type Environment, lookUp, readNfsConf } from "./ini_file.ts";
import type { ReadFiles } from "./read_files.ts";

/** Keys of ports: `port`, `udp-port`, `outgoing-port`, and macOS' `nfs.statd.port`. Source: nfs.conf(5). */
const PORT_KEY = /(?:^|[-.])port$/;

/** Ports that nfs.conf sets, whichever the section; malformed values are skipped. */
export function portsInConf(env: Environment, files: ReadFiles): number[] {
  const conf = readNfsConf(files);
  return conf.assignments.filter(({ key }) => PORT_KEY.test(key))
    .map((assignment) => lookUp(conf, env, (other) => other === assignment)?.value ?? "")
    .filter((text) => /^\d{1,5}$/.test(text)).map(Number);
}
