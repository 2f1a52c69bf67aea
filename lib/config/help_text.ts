/** Text formatting for people: paragraphs, and definition lists. */

/** Shortest line, in characters: one word per line would be unreadable. */
const LINE_MIN = 20;
/** Longest line of a help text, on any terminal. */
export const HELP_WIDTH_MAX = 80;
/** Column of the terms. */
const TERMS = 2;
/** Column of the explanations on terminals narrower than twice the requested column. */
const TEXTS_NARROW = 6;

/** Term and its explanation. */
export type Definition = readonly [term: string, text: string];

/** Fills text to a width; it starts in column `indent`, and so do all further lines. */
export function filled(text: string, width: number, indent: number): string {
  const room = Math.max(width - indent, LINE_MIN);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length <= room || line === "") line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`);
}

/** Definition list with explanations in column `texts`, or below a term that reaches into it. */
export function definitions(rows: readonly Definition[], width: number, texts: number): string {
  const column = width < 2 * texts ? TEXTS_NARROW : texts;
  return rows.map(([term, text]) => {
    const explanation = filled(text, Math.min(width, HELP_WIDTH_MAX), column);
    const head = " ".repeat(TERMS) + term;
    return head.length + TERMS <= column
      ? `${head.padEnd(column)}${explanation}\n`
      : `${head}\n${" ".repeat(column)}${explanation}\n`;
  }).join("");
}
