/** Minimal scanner of TypeScript modules: imports, and code without comments. */

/** An import, export-from or `import()`. */
export interface Import {
  /** Imported specifier; undefined if computed. */
  readonly specifier: string | undefined;
  /**
   * True for `import type` and `export type`; false for braces with `type` names only, which still
   * load the module.
   */
  readonly isTypeOnly: boolean;
  readonly line: number;
}

/** Line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** Static import at the start of a line, as formatted by `deno fmt`. */
const STATIC = new RegExp(
  String.raw`^(?:import|export)\b(?<type>\s+type\b(?!\s*(?:from|,)))?\s*` +
    String
      .raw`(?:(?:\*(?:\s*as\s+[\w$]+)?|\{[^}]*\}|[\w$]+(?:\s*,\s*(?:\{[^}]*\}|\*\s*as\s+[\w$]+))?)` +
    String.raw`\s*from\s*)?(?<quote>["'])`,
  "gm",
);
const DYNAMIC = /\bimport\s*\(\s*(?<quote>["'`])?/g;

/** All imports of a module, in order; `code` is the result of {@link codeOf}. */
export function importsOf(text: string, code: string): Import[] {
  const found: Import[] = [];
  for (const match of [...code.matchAll(STATIC), ...code.matchAll(DYNAMIC)]) {
    const { quote, type } = match.groups!;
    const from = match.index + match[0].length;
    const to = quote === undefined ? -1 : code.indexOf(quote, from);
    const literal = to < 0 ? undefined : text.slice(from, to);
    // A template with substitutions is no literal.
    const specifier = quote === "`" && literal?.includes("${") ? undefined : literal;
    const line = lineAt(text, match.index);
    found.push({ specifier, isTypeOnly: type !== undefined, line });
  }
  return found.sort((a, b) => a.line - b.line);
}

/** Code before a `/` that begins a regular expression; elsewhere `/` is a division. */
const BEFORE_REGEXP =
  /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|await|yield))\s*$/;

/**
 * Text with comments and the contents of strings, templates and regular expressions blanked out.
 * Offsets are kept.
 */
export function codeOf(text: string): string {
  const blank = (part: string) => part.replace(/[^\n]/g, " ");
  /** Number of open braces inside `${`, for each open template. */
  const templates: number[] = [];
  let code = "";
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  /** Skips a template from behind "`" or "}" to its end or next "${". */
  const template = () => {
    const part = take(/(?:[^`\\$]|\\[^]|\$(?!\{))*/y)!;
    code += blank(part);
    at += part.length;
    if (text.startsWith("${", at)) {
      templates.push(0);
      code += "${";
      at += 2;
    } else {
      code += "`";
      at += 1;
    }
  };
  while (at < text.length) {
    const comment = take(/\/\/[^\n]*|\/\*[^]*?\*\//y);
    const string = take(/"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'/y);
    const character = text[at]!;
    if (comment !== undefined) {
      code += blank(comment);
      at += comment.length;
    } else if (string !== undefined) {
      code += character + blank(string.slice(1, -1)) + character;
      at += string.length;
    } else if (character === "/" && BEFORE_REGEXP.test(code.slice(-200))) {
      const regexp = take(/\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\//y) ?? character;
      code += blank(regexp);
      at += regexp.length;
    } else {
      code += character;
      at++;
      if (character === "`") template();
      else if (templates.length > 0) {
        if (character === "{") templates[templates.length - 1]!++;
        else if (character === "}" && templates[templates.length - 1]!-- === 0) {
          templates.pop();
          template();
        }
      }
    }
  }
  return code;
}

/** Code outside of all brackets: roughly, the effects of loading a module. */
export function topLevelOf(code: string): string {
  let depth = 0;
  return code.replace(/[^\n]/g, (character) => {
    if (")]}".includes(character)) depth--;
    const shown = depth === 0 ? character : " ";
    if ("([{".includes(character)) depth++;
    return shown;
  });
}

/** Function, method or arrow function with a body in braces. */
export interface FunctionText {
  /** First line, from 1. */
  readonly line: number;
  /** Lines from the head to the closing brace. */
  readonly lines: number;
}

/** First lines of functions as formatted by `deno fmt`, with their indentation. */
const FUNCTION_HEAD = new RegExp(
  String.raw`^(?<indent> *)(?!(?:if|for|while|switch|return|throw|await|yield|new)\b)(?:` +
    String.raw`(?:export )?(?:default )?(?:async )?function\b.*` +
    String.raw`|(?:(?:static|override|async|get|set) )*\*?[#\w$[\].]+(?:<.*>)?\(.*[{(]` +
    String.raw`|[^)}\]].*=> \{` +
    String.raw`|(?:.*[ (=])?(?:async )?\($` +
    String.raw`)$`,
);

/** All functions of a formatted module; `code` is the result of {@link codeOf}. */
export function functionsOf(code: string): FunctionText[] {
  const lines = code.split("\n");
  return lines.flatMap((text, index) => {
    const indent = FUNCTION_HEAD.exec(text)?.groups?.indent;
    const end = indent === undefined ? undefined : endOfFunction(lines, index, indent);
    return end === undefined ? [] : [{ line: index + 1, lines: end - index + 1 }];
  });
}

/** Index of the line with the closing brace; undefined if the head was a mere call. */
function endOfFunction(
  lines: readonly string[],
  head: number,
  indent: string,
): number | undefined {
  let hasBody = lines[head]!.endsWith("{");
  for (let index = head + 1; index < lines.length; index++) {
    const line = lines[index]!;
    if (line.startsWith(`${indent} `) || line === "") continue;
    if (!line.startsWith(indent)) return undefined;
    // The head continues: `): void {`, `}: Parts): void {`.
    if (/^[)}\]].*\{$/.test(line.slice(indent.length))) hasBody = true;
    else return hasBody && line[indent.length] === "}" ? index : undefined;
  }
  return undefined;
}
