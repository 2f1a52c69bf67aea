/**
 * Pre-pass that turns nfs.conf into INI.
 *
 * nfs.conf joins lines that end in a backslash, has sub-sections `[name "arg"]`, and removes
 * comments after unquoted values. Its names are case-insensitive, and macOS has keys outside a
 * section. A faulty line is reported and skipped, where an INI parser throws.
 *
 * The INI has the line number before each key, and quotes around each value, which preserve an
 * empty argument, comment marks, and blanks at either end:
 *
 *     [statd]                section `[statd]`, name in lower case
 *     [statd "arg"]          sub-section
 *     12 port="2049"         line number, key in lower case, value
 *
 * Source: nfs.conf(5) and the behaviour of nfsconf(8) 2.6.2; for keys outside a section, macOS
 * nfs.conf(5).
 */

/** Fault of a line that was skipped, or read anyway. */
export interface Fault {
  /** Line number from 1; that of the first of joined lines. */
  readonly line: number;
  readonly reason: string;
}

/** Section header: the name in lower case, and the quoted text of `[name "arg"]`. */
export type Section = readonly [name: string, arg?: string];

/** File as INI, one assignment or header per line, in order. */
export interface ConfAsIni {
  readonly ini: string;
  readonly faults: readonly Fault[];
}

/**
 * Byte order mark, which some editors put before the first line; nfs-utils then does not see a
 * section there either.
 */
const BYTE_ORDER_MARK = "\ufeff";

/**
 * Rewrites nfs.conf text as INI.
 *
 * @param within Section at the start of the text: that of the `include` line, or none.
 *
 * Deviation: a last line without line end is read, with a fault; nfs-utils drops it.
 */
export function toIni(text: string, within?: Section): ConfAsIni {
  const ini: string[] = within === undefined ? [] : [headerLine(within)];
  const faults: Fault[] = [];
  let section: Section | "none" | "broken" = within ?? "none";

  for (const { line, content, ended } of logicalLines(text)) {
    const report = (reason: string) => faults.push({ line, reason });
    if (!ended) report("The last line has no line end; it is still read");
    if (content === "" || content.startsWith("#") || content.startsWith(";")) continue;
    if (content.includes("\r")) {
      report("Ignored: a carriage return within the line");
      continue;
    }
    if (line === 1 && content.startsWith(BYTE_ORDER_MARK)) {
      report("Ignored: a byte order mark stands before it; save the file without one");
      continue;
    }
    if (content.startsWith("[")) {
      section = readHeader(content, report) ?? "broken";
      if (section !== "broken") ini.push(headerLine(section));
      continue;
    }
    if (section === "none" && content.startsWith("nfs.")) {
      ini.push(...readAssignment(line, content.includes("=") ? content : `${content}=1`, report));
    } else if (typeof section === "string") {
      report("Ignored: the line is in no section");
    } else {
      ini.push(...readAssignment(line, content, report));
    }
  }
  return { ini: ini.join("\n"), faults };
}

/** Lines without surrounding blanks; a backslash at the line end joins, as two blanks. */
function* logicalLines(text: string) {
  const pieces = text.split("\n");
  const last = pieces.length - 1;
  let joined = "";
  let line = 1;
  for (const [index, piece] of pieces.entries()) {
    if (index < last && piece.endsWith("\\")) {
      joined += `${piece.slice(0, -1)}  `;
      continue;
    }
    const content = trim(joined + piece);
    if (index < last || content !== "") yield { line, content, ended: index < last };
    joined = "";
    line = index + 2;
  }
}

type Report = (reason: string) => void;

function readHeader(content: string, report: Report): Section | undefined {
  const end = content.indexOf("]");
  if (end < 0) {
    report("No ] in the section header; lines up to the next section are ignored");
    return undefined;
  }
  const inside = content.slice(1, end);
  const open = inside.indexOf('"');
  const name = lowerCase(open < 0 ? inside : inside.slice(0, open));
  if (name === "") {
    report("No name in the section header; lines up to the next section are ignored");
    return undefined;
  }
  if (open < 0) return [name];
  const close = inside.indexOf('"', open + 1);
  if (close >= 0) return [name, inside.slice(open + 1, close)];
  report('No closing " in the section header; read as a section without argument');
  return [name];
}

/** Section header as a line of INI. */
function headerLine([name, arg]: Section): string {
  return arg === undefined ? `[${name}]` : `[${name} "${arg}"]`;
}

/** Section in a header line of {@link toIni}, without its brackets. */
export function sectionOf(header: string): Section {
  const open = header.indexOf(' "');
  return open < 0 ? [header] : [header.slice(0, open), header.slice(open + 2, -1)];
}

/** Assignment as a line of INI; empty if there is nothing to assign. */
function readAssignment(line: number, content: string, report: Report): readonly string[] {
  const mark = content.indexOf("=");
  if (mark < 0) {
    report("Ignored: neither an assignment nor a section");
    return [];
  }
  const key = lowerCase(content.slice(0, mark));
  if (key === "") {
    report("Ignored: no name before =");
    return [];
  }
  const value = readValue(trim(content.slice(mark + 1)));
  if (value === undefined) report("Ignored: no closing quote");
  return value === undefined || value === "" ? [] : [`${line} ${key}="${value}"`];
}

/** Value without quotes or trailing comment; undefined without a closing quote. */
function readValue(raw: string): string | undefined {
  const quote = raw.charAt(0);
  if (quote !== '"' && quote !== "'") return trim(raw.replace(/[#;].*$/s, ""));
  const close = raw.indexOf(quote, 1);
  return close < 0 ? undefined : raw.slice(1, close);
}

/** Quotes a value so that it reads back unchanged, as far as the grammar allows. */
export function quoteValue(text: string): string {
  if (!/[#;]|^["']|^\s|\s$/.test(text)) return text;
  return text.includes('"') ? `'${text}'` : `"${text}"`;
}

/** Comparison form of a name: lower case, with runs of blanks as one space. */
function lowerCase(name: string): string {
  return trim(name).toLowerCase().replace(/[ \t\v\f\r]+/g, " ");
}

/** Strips the blanks of isspace(3); other ones, such as the no-break space, belong to the text. */
function trim(text: string): string {
  return text.replace(/^[ \t\v\f\r\n]+|[ \t\v\f\r\n]+$/g, "");
}
