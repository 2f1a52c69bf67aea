/** How intended differences from Debian's rpc.statd are listed, and the words in which they are told. */

import { word } from "./nsm_calls.ts";

/** What both are seen to do, each in its own way, in each of these scenarios and at each place. */
export interface Sight {
  readonly scenarios: readonly string[];
  /** Step and aspect. */
  readonly places: readonly string[];
  readonly debian: string;
  readonly ours: string;
}

/** One reason, and everything that can be seen of it. */
export interface Difference {
  readonly reason: string;
  readonly seen: readonly Sight[];
}

export function sight(
  scenarios: readonly string[],
  places: readonly string[],
  debian: string,
  ours: string,
): Sight {
  return { scenarios, places, debian, ours };
}

/** Every difference by scenario, step and aspect. */
export function byPlace(
  differences: readonly Difference[],
): [place: string, readonly [debian: string, ours: string]][] {
  return differences.flatMap(({ seen }) => seen).flatMap(({ scenarios, places, debian, ours }) =>
    scenarios.flatMap((scenario) =>
      places.map((place): [string, [string, string]] => [`${scenario}: ${place}`, [debian, ours]])
    )
  );
}

export const NOTHING = "";
/** Success and refusal, with the state number 3 that a new state directory gets. */
export const SUCCESS = "SUCCESS 00000000 00000003";
export const UNKNOWN = "SUCCESS 00000001 00000003";
export const REFUSED = "SUCCESS 00000001 ffffffff";

/** Version and procedure in front of a line that is not of the usual lock manager. */
const MANAGER = /^(-?\d+)\/(\d+) /;

/** The file of a peer: mode, and the lines without what is the same in all. */
function file(mode: string, name: string, lines: readonly string[]): string {
  const text = lines.map((line) => {
    const [prefix = "", version = "3", procedure = "16"] = MANAGER.exec(line) ?? [];
    const numbers = `000186b5 ${word(Number(version))} ${word(Number(procedure))}`;
    return `0100007f ${numbers} ${line.slice(prefix.length)}\n`;
  });
  return `sm/${name} ${mode} statd:nogroup ${JSON.stringify(text.join(""))}`;
}

/** A file made with its first line. */
export const made = (name: string, ...lines: readonly string[]) => file("0600", name, lines);
/** A file put in place of an older one. */
export const rewritten = (name: string, ...lines: readonly string[]) => file("0640", name, lines);
/** A file that is there no more. */
export const gone = (name: string) => `gone: sm/${name}`;

/** A callback as it arrives, from its procedure on. */
export function callback(version: number, procedure: number, rest: string): string {
  const header = [0, 2, 100021, version, procedure, 0, 0, 0, 0].map(word).join("");
  return `from 127.0.0.1 a reserved port ${header}${rest}`;
}
