/** Sample nfs.conf, `conf/nfs.conf`. */

import { quoteValue } from "../../lib/config/grammar.ts";
import { type FileSetting, settingsBySection } from "./sections.ts";
import type { Option } from "../../lib/config/settings.ts";

const HEAD = `#
# Settings of rpc.statd, sm-notify and rpcbind, each shown at its default.
#
# This file is shared with the other NFS programs: their sections may stand beside these, and files
# in /etc/nfs.conf.d/ whose names end in .conf are read after it. \`rpc.statd --check-config\` and
# \`sm-notify --check-config\` show what is in effect and where it comes from.
#
`;

/** Our sections with every setting commented out at its default. */
export function sampleConf(): string {
  const text = Array.from(settingsBySection(), ([name, settings]) => {
    return `\n[${name}]\n${settings.map(entry).join("#\n")}`;
  });
  return HEAD + text.join("");
}

function entry({ row, file: { key } }: FileSetting): string {
  const value = row.default === undefined ? "" : quoteValue(row.kind.write(row.default));
  const option = row.option === undefined ? "" : `; option ${spellings(row.option)}`;
  return `# ${row.help}\n# Value: ${row.kind.hint}${option}.\n# ${key}=${value}\n`;
}

function spellings({ short, long }: Option<unknown>): string {
  return short === undefined ? `--${long}` : `-${short}, --${long}`;
}
