/**
 * Strict parser of the Prometheus text format: what promtool rejects is an error here.
 *
 * Source: Prometheus text exposition format 0.0.4; names by its data model, and its conventions for
 * units and counters.
 */

export interface Family {
  readonly help: string;
  readonly type: string;
  /** Values by label text. */
  readonly samples: Map<string, number>;
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"';
const SAMPLE = new RegExp(`^(${NAME})(\\{${LABEL}(?:,${LABEL})*\\})? (-?[0-9.e+]+)$`);

/** Parses a text. @throws {Error} On the first violation. */
export function readMetrics(text: string): Map<string, Family> {
  if (!text.endsWith("\n")) throw new Error("The last line has no end");
  const families = new Map<string, Family>();
  let current: string | undefined;
  let help: string | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`).exec(line);
    if (comment !== null) {
      const [, kind, name, rest] = comment;
      if (kind === "HELP") {
        if (families.has(name!)) throw new Error(`${name} comes twice`);
        [current, help] = [name, rest];
        continue;
      }
      if (name !== current || help === undefined) throw new Error(`No HELP before ${line}`);
      if (rest !== "counter" && rest !== "gauge") throw new Error(`Unknown type: ${line}`);
      if ((rest === "counter") !== name!.endsWith("_total")) throw new Error(`Bad name: ${line}`);
      families.set(name!, { help, type: rest, samples: new Map() });
      help = undefined;
      continue;
    }
    const sample = SAMPLE.exec(line);
    if (sample === null) throw new Error(`Not a sample: ${line}`);
    const [, name, labels = "", value] = sample;
    const family = families.get(name!);
    if (family === undefined || name !== current) throw new Error(`Out of place: ${line}`);
    if (family.samples.has(labels)) throw new Error(`Twice: ${line}`);
    if (!Number.isFinite(Number(value))) throw new Error(`No number: ${line}`);
    family.samples.set(labels, Number(value));
  }
  for (const [name, { samples }] of families) {
    if (samples.size === 0) throw new Error(`${name} has no sample`);
  }
  return families;
}
