/** Intended differences from Debian's rpc.statd: their list, and the wording of observations. */

import { word } from "./nsm_calls.ts";

/** An observed difference, valid for each of these scenarios and places. */
export interface Sight {
  readonly scenarios: readonly string[];
  /** Step and aspect. */
  readonly places: readonly string[];
  readonly debian: string;
  readonly ours: string;
}

/** A reason, and all differences that follow from it. */
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

/** All differences by scenario, step and aspect. */
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
/** Results of success and refusal, with state number 3, that of a new state directory. */
export const SUCCESS = "SUCCESS 00000000 00000003";
export const UNKNOWN = "SUCCESS 00000001 00000003";
export const REFUSED = "SUCCESS 00000001 ffffffff";

/** Version and procedure prefixed to the line of an unusual lock manager. */
const MANAGER = /^(-?\d+)\/(\d+) /;

/** Observation of a peer's file: mode and lines, without the constant parts. */
function file(mode: string, name: string, lines: readonly string[]): string {
  const text = lines.map((line) => {
    const [prefix = "", version = "3", procedure = "16"] = MANAGER.exec(line) ?? [];
    const numbers = `000186b5 ${word(Number(version))} ${word(Number(procedure))}`;
    return `0100007f ${numbers} ${line.slice(prefix.length)}\n`;
  });
  return `sm/${name} ${mode} statd:nogroup ${JSON.stringify(text.join(""))}`;
}

/** File created with its first line. */
export const made = (name: string, ...lines: readonly string[]) => file("0600", name, lines);
/** File that replaced an older one. */
export const rewritten = (name: string, ...lines: readonly string[]) => file("0640", name, lines);
/** Removed file. */
export const gone = (name: string) => `gone: sm/${name}`;

/** Callback as received, from its procedure on. */
export function callback(version: number, procedure: number, rest: string): string {
  const header = [0, 2, 100021, version, procedure, 0, 0, 0, 0].map(word).join("");
  return `from 127.0.0.1 a reserved port ${header}${rest}`;
}
