/** Formatting of external text and of counts for people. */

/** Longest text shown, in characters: keeps log lines readable, and prevents floods. */
const SHOWN_MAX = 256;

/**
 * Quotes text. Everything but printable ASCII, and quote and backslash, is escaped as `\xNN`
 * (`\u{N}` above U+00FF); long text is cut and followed by `…`. The result cannot start a new line,
 * move a terminal's cursor, or end the quotes.
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

/** Removes the suffix ` (os error 2)` that Deno appends to system errors. */
export function withoutErrorNumbers(text: string): string {
  return text.replace(/ \(os error \d+\)/g, "");
}

/**
 * Formats a value as printable ASCII JSON, so that no terminal interprets control characters (C1,
 * DEL) or reorders text (U+202E). With `indent`, on several lines.
 */
export function asciiJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(
    /[^\n\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Characters that control a terminal or reorder text: also DEL, C1, line separators and direction marks. */
export const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}]/gu;

/**
 * Text in any language without terminal control: control characters, DEL, C1, line separators and
 * direction marks are escaped like in {@link quote}.
 */
export function printable(text: string): string {
  return text.replace(CONTROLS, (character) => {
    const code = character.codePointAt(0)!;
    return code > 0xff ? `\\u{${code.toString(16)}}` : `\\x${code.toString(16).padStart(2, "0")}`;
  });
}

/** Count with its noun: `1 peer`, `3 peers`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
