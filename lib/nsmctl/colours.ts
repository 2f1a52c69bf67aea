/** Colours, which are only there for somebody who looks at a terminal. */

/** What text means, rather than how it looks. */
export interface Colours {
  good(text: string): string;
  warning(text: string): string;
  bad(text: string): string;
  strong(text: string): string;
  faint(text: string): string;
}

const codes = { good: 32, warning: 33, bad: 31, strong: 1, faint: 2 } as const;

/** Colours by the escape sequences of ECMA-48, or none. */
export function coloursFor(isColoured: boolean): Colours {
  const paint = (code: number) => (text: string) =>
    isColoured && text !== "" ? `\x1b[${code}m${text}\x1b[0m` : text;
  return {
    good: paint(codes.good),
    warning: paint(codes.warning),
    bad: paint(codes.bad),
    strong: paint(codes.strong),
    faint: paint(codes.faint),
  };
}
