/** How text that came from outside is shown to people, and numbers of things. */

/** Characters shown of one text; a line of the log stays readable, and nobody can flood it. */
const SHOWN_MAX = 256;

/**
 * Puts text in double quotes, with everything that is not printable ASCII, the quote and the backslash
 * escaped as `\xNN` (or `\u{N}` above U+00FF), and cut with `…` behind it where it is long. The result
 * cannot begin another line, move a terminal's cursor or end the quotes.
 */
export function quote(text: string): string {
  let shown = "";
  for (const character of text.length > SHOWN_MAX ? text.slice(0, SHOWN_MAX) : text) {
    const code = character.codePointAt(0)!;
    if (code >= 0x20 && code < 0x7f && character !== '"' && character !== "\\") shown += character;
    else if (code > 0xff) shown += `\\u{${code.toString(16)}}`;
    else shown += `\\x${code.toString(16).padStart(2, "0")}`;
  }
  return text.length > SHOWN_MAX ? `"${shown}"…` : `"${shown}"`;
}

/** Text without the numbers that the runtime puts behind the system's words: ` (os error 2)`. */
export function withoutErrorNumbers(text: string): string {
  return text.replace(/ \(os error \d+\)/g, "");
}

/**
 * A value as JSON of printable ASCII alone, which reads as the same value: no terminal takes a part of it
 * for a command (C1 control characters, DEL), nor shows it in another order (U+202E).
 */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * Text in any language without what could steer a terminal: control characters, DEL, C1, line separators
 * and what changes the direction of writing are escaped as {@link quote} does.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}]/gu, (character) => {
    const code = character.codePointAt(0)!;
    return code > 0xff ? `\\u{${code.toString(16)}}` : `\\x${code.toString(16).padStart(2, "0")}`;
  });
}

/** A count with its noun: `1 peer`, `3 peers`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
