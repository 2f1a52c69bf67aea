/**
 * Host name syntax: which names are acceptable, and which are equal. Resolving is not required: a
 * name that does not resolve is never refused for that.
 *
 * Source: nfs-utils' checks on mon_name; CERT CA-1996-09 (a mon_name used as a path).
 */

/**
 * Longest acceptable name, in bytes. Names become file names, and Linux' file systems take no
 * longer ones. DNS allows 253.
 */
export const HOST_NAME_MAX_BYTES = 255;

const FIRST_PRINTABLE = 0x21;
const LAST_PRINTABLE = 0x7e;

/** Reason why a mon_name is not acceptable, as the end of a sentence; undefined if it is. */
export function hostNameFault(name: string): string | undefined {
  if (name.length === 0) return "it is empty";
  if (name.length > HOST_NAME_MAX_BYTES) return `it is longer than ${HOST_NAME_MAX_BYTES} bytes`;
  if (name.startsWith(".")) return "it begins with a dot";
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code < FIRST_PRINTABLE) return "it has a blank or control character";
    if (code > LAST_PRINTABLE) return "it has a character that no host name has";
    if (name[i] === "/") return "it has a slash";
  }
  return undefined;
}

/** Whether a name may be an attempted path traversal, which is logged as an attack. */
export function looksLikePath(name: string): boolean {
  return name.startsWith(".") || name.includes("/");
}

/** Comparison key of a name: lower case, without a final dot. */
export function nameKey(name: string): string {
  const lower = name.toLowerCase();
  return lower.length > 1 && lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

/** my_name as stored: blank, TAB, CR and LF become `_`, since a record is a line of words. */
export function storableMyName(myName: string): string {
  return /[ \t\r\n]/.test(myName) ? myName.replaceAll(/[ \t\r\n]/g, "_") : myName;
}
