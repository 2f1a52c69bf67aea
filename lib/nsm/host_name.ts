/**
 * Which host names are acceptable, and when two are the same name. Judged by syntax alone: whether a
 * name resolves is found out later and never a reason to refuse it.
 *
 * Source: nfs-utils' checks on mon_name; CERT CA-1996-09 (a mon_name used as a path).
 */

/**
 * Longest acceptable name in bytes: a file is named after it, and that is the longest file name Linux'
 * file systems take. DNS allows 253.
 */
export const HOST_NAME_MAX_BYTES = 255;

const FIRST_PRINTABLE = 0x21;
const LAST_PRINTABLE = 0x7e;

/** Why a mon_name is not acceptable, as the end of a sentence; nothing if it is. */
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

/** Whether a name is one that could be meant as a path: it is refused loudly. */
export function looksLikePath(name: string): boolean {
  return name.startsWith(".") || name.includes("/");
}

/** The form in which names are compared: letter case does not matter, nor does a final dot. */
export function nameKey(name: string): string {
  const lower = name.toLowerCase();
  return lower.length > 1 && lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

/** my_name as it is kept: each blank, TAB, CR and LF becomes `_`, since records are lines of words. */
export function storableMyName(myName: string): string {
  return /[ \t\r\n]/.test(myName) ? myName.replaceAll(/[ \t\r\n]/g, "_") : myName;
}
