/**
 * Turns the text of an nfs.conf file into plain lines that an INI parser reads without guessing.
 *
 * Source: nfs.conf(5) and the behaviour of nfsconf(8) 2.6.2; for keys outside a section, macOS
 * nfs.conf(5).
 *
 * The plain lines hold JSON, so that no comment mark, quote, bracket, blank or empty text is left
 * to interpret:
 *
 *     ["statd"]                section `[statd]`, name in lower case
 *     ["statd","arg"]          sub-section `[statd "arg"]`
 *     12 port="2049"           line number, key in lower case, value without quotes or comment
 */

/** A line that was passed over, or that was read in spite of a fault. */
export interface Fault {
  /** Line of the file, from 1; the first one if lines are joined. */
  readonly line: number;
  readonly reason: string;
}

/** A section header: the name in lower case, and the text in quotes of `[name "arg"]`. */
export type Section = readonly [name: string, arg?: string];

/** What a file says, in order, one assignment or header per line. */
export interface PlainConf {
  readonly plain: string;
  readonly faults: readonly Fault[];
}

/**
 * Rewrites nfs.conf text as plain lines.
 *
 * @param within Section the text starts in: the one of the `include` line, or none.
 *
 * Deviation: a last line without line end is read, with a fault; nfs-utils drops it.
 */
export function toPlainConf(text: string, within?: Section): PlainConf {
  const plain: string[] = within === undefined ? [] : [JSON.stringify(within)];
  const faults: Fault[] = [];
  let section: Section | "none" | "broken" = within ?? "none";

  for (const { line, content, ended } of logicalLines(text)) {
    const report = (reason: string) => faults.push({ line, reason });
    if (!ended) report("The last line has no line end; it is read all the same");
    if (content === "" || content.startsWith("#") || content.startsWith(";")) continue;
    if (content.startsWith("[")) {
      section = readHeader(content, report) ?? "broken";
      if (section !== "broken") plain.push(JSON.stringify(section));
      continue;
    }
    if (section === "none" && content.startsWith("nfs.")) {
      plain.push(...readAssignment(line, content.includes("=") ? content : `${content}=1`, report));
    } else if (typeof section === "string") {
      report("Ignored: the line is in no section");
    } else {
      plain.push(...readAssignment(line, content, report));
    }
  }
  return { plain: plain.join("\n"), faults };
}

/** Lines without surrounding blanks; a backslash before the line end joins, as two blanks. */
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
  if (open < 0) return [lowerCase(inside)];
  const name = lowerCase(inside.slice(0, open));
  const close = inside.indexOf('"', open + 1);
  if (close >= 0) return [name, inside.slice(open + 1, close)];
  report('No closing " in the section header; read as a section without argument');
  return [name];
}

/** One plain line, or none if there is nothing to assign. */
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
  return value === undefined || value === "" ? [] : [`${line} ${key}=${JSON.stringify(value)}`];
}

/** The value without quotes or trailing comment; undefined without a closing quote. */
function readValue(raw: string): string | undefined {
  const quote = raw.charAt(0);
  if (quote !== '"' && quote !== "'") return trim(raw.replace(/[#;].*$/s, ""));
  const close = raw.indexOf(quote, 1);
  return close < 0 ? undefined : raw.slice(1, close);
}

/** Writes a value so that reading it gives the same text, as far as the grammar allows. */
export function quoteValue(text: string): string {
  if (!/[#;]|^["']|^\s|\s$/.test(text)) return text;
  return text.includes('"') ? `'${text}'` : `"${text}"`;
}

/** A name as it is compared: lower case, and any blanks in it as one space. */
function lowerCase(name: string): string {
  return trim(name).toLowerCase().replace(/[ \t\v\f\r]+/g, " ");
}

/** Without the blanks that C knows; others, as the no-break space, belong to the text. */
function trim(text: string): string {
  return text.replace(/^[ \t\v\f\r\n]+|[ \t\v\f\r\n]+$/g, "");
}
