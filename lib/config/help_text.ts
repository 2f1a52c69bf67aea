/** Text for people in columns: paragraphs, and words with their explanations. */

/** No lines are made shorter than this, in characters: a word in each would be no help either. */
const LINE_MIN = 20;
/** Lines of a help text are not longer than this, however wide the terminal is. */
export const HELP_WIDTH_MAX = 80;
/** Column of what is explained. */
const TERMS = 2;
/** Column of the explanations on terminals that have less than twice the column asked for. */
const TEXTS_NARROW = 6;

/** A word and its explanation. */
export type Definition = readonly [term: string, text: string];

/** Text in lines that fit a width; it begins in column `indent`, and so do all further lines. */
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

/** Words and their explanations, which begin in column `texts`; below a word that reaches into it. */
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
