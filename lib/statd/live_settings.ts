/**
 * Live settings, reloaded on SIGHUP. Some settings take effect at once; for others the log says
 * that they need a restart. The callout needs one if no program may be run so far.
 *
 * Deviation: nfs-utils exits on SIGHUP. An exit on a configuration reload, or on the end of a
 * terminal, would leave locks without a monitor; service managers stop the daemon by SIGTERM.
 */

import { type Environment, filesFrom } from "../config/ini_file.ts";
import { loadStatdSettings } from "../config/load.ts";
import { STATD, type StatdSettings, type Table } from "../config/settings.ts";
import { type AdjustableLog, logThreshold } from "../log.ts";
import type { Invocation } from "../platform/role.ts";
import { calloutAdvice } from "./ha_callout.ts";

/** Sources of the settings, and their limits. */
export interface LiveSettingsParts {
  readonly invocation: Invocation;
  readonly environment: Environment;
  /** Working directory of the start. */
  readonly folder: string;
  /** Whether programs may be run, so that a callout can take effect at once; see permissions.ts. */
  readonly mayRunPrograms: boolean;
  readonly log: AdjustableLog;
}

export class LiveSettings {
  readonly #parts: LiveSettingsParts;
  #current: StatdSettings;

  constructor(settings: StatdSettings, parts: LiveSettingsParts) {
    this.#current = settings;
    this.#parts = parts;
  }

  /** Settings in effect; read them again for each use. */
  get current(): StatdSettings {
    return this.#current;
  }

  /** Reads command line and files again; after an error, or if a file cannot be read, the settings stay unchanged. */
  reload(): void {
    const { invocation: { programName, args }, environment: env, folder, mayRunPrograms, log } =
      this.#parts;
    const loaded = loadStatdSettings({ programName, args, env, files: filesFrom(folder) });
    if (loaded.kind === "exit") {
      log.error(`Cannot read the settings again: ${loaded.stderr.trim()}`);
      return;
    }
    for (const warning of loaded.warnings) log.warning(warning.message);
    if (!loaded.isWhole) {
      // The defaults are no substitute: they could believe forged notices.
      log.error("Settings are unchanged: a file of settings cannot be read");
      return;
    }
    const isLive = (name: Name) =>
      (STATD as Table)[name]!.isLive === true && (mayRunPrograms || name !== "haCallout");
    const changed = changedSettings(this.#current, loaded.settings);
    const late = changed.filter((name) => !isLive(name));
    const live = changed.filter(isLive);
    const changes = Object.fromEntries(live.map((name) => [name, loaded.settings[name]]));
    this.#current = Object.freeze({ ...this.#current, ...changes });
    log.threshold = logThreshold({ ...this.#current, isToStderr: false });
    log.notice(`Settings read again; ${list("changed", live)}`);
    const advice = calloutAdvice(this.#current.haCallout);
    if (advice !== undefined) log.warning(advice);
    if (late.length > 0) log.warning(list("A restart is needed for", late));
  }
}

type Name = keyof StatdSettings;

function changedSettings(before: StatdSettings, after: StatdSettings): Name[] {
  const names = Object.keys(STATD) as Name[];
  return names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}

function list(title: string, names: readonly Name[]): string {
  const keys = names.map((name) => (STATD as Table)[name]!.file?.key ?? name);
  return `${title}: ${keys.join(", ") || "nothing"}`;
}
