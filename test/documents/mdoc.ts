/**
 * Conversion of text to mdoc(7), the language of the manual pages.
 *
 * Source: mdoc(7), roff(7) of mandoc.
 */

/** Longest line that mandoc accepts without a warning. */
const LINE_MAX = 80;

/** Sentences of plain text, each on lines of its own; `--name` keeps its signs. */
export function mdocText(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replace(/(?<![\w-])--?(?=\w)/g, (signs) => "\\-".repeat(signs.length))
    .split(/(?<=[.!?]) +(?=[A-Z])/)
    .flatMap(lines)
    .map((line) => line.replace(/^[.']/, "\\&$&"))
    .join("\n");
}

function lines(sentence: string): string[] {
  const found: string[] = [];
  for (const word of sentence.split(" ")) {
    const longer = `${found.at(-1)} ${word}`;
    if (found.length > 0 && longer.length <= LINE_MAX) found[found.length - 1] = longer;
    else found.push(word);
  }
  return found;
}

/** One argument of a macro, without meaning as a macro or punctuation. */
export function mdocArgument(text: string): string {
  const escaped = text.replaceAll("\\", "\\e").replaceAll('"', "\\(dq");
  if (/^[A-Z][a-z]$|^[()[\].,:;?!|]$/.test(text)) return `\\&${escaped}`;
  return /[ \t]|^$/.test(text) ? `"${escaped}"` : escaped;
}
