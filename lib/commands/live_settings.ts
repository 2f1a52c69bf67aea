/**
 * The settings in effect. SIGHUP reads them again: some take effect at once, for the others it is said
 * that they need a restart.
 *
 * Deviation: nfs-utils ends on SIGHUP. A daemon that ends because an administrator asks it to look at
 * its configuration, or because a terminal went away, leaves locks without a monitor; and the service
 * managers that end it use SIGTERM.
 */

import { systemFiles } from "../config/ini_file.ts";
import { loadStatdSettings } from "../config/load.ts";
import { STATD, type StatdSettings, type Table } from "../config/settings.ts";
import type { AdjustableLog } from "../log.ts";
import type { Invocation } from "../platform/role.ts";
import { logThreshold } from "./logging.ts";

export class LiveSettings {
  readonly #invocation: Invocation;
  readonly #log: AdjustableLog;
  #current: StatdSettings;

  constructor(invocation: Invocation, settings: StatdSettings, log: AdjustableLog) {
    this.#invocation = invocation;
    this.#current = settings;
    this.#log = log;
  }

  /** To be asked each time. */
  get current(): StatdSettings {
    return this.#current;
  }

  /** Reads command line and files again; what is wrong with them leaves everything as it is. */
  reload(): void {
    const { programName, args } = this.#invocation;
    const loaded = loadStatdSettings({ programName, args, env: Deno.env, files: systemFiles });
    if (loaded.kind === "exit") {
      this.#log.error(`Cannot read the settings again: ${loaded.stderr.trim()}`);
      return;
    }
    for (const warning of loaded.warnings) this.#log.warning(warning.message);
    const changed = changedSettings(this.#current, loaded.settings);
    const late = changed.filter((name) => !isLive(name));
    const live = changed.filter(isLive);
    const changes = Object.fromEntries(live.map((name) => [name, loaded.settings[name]]));
    this.#current = Object.freeze({ ...this.#current, ...changes });
    this.#log.threshold = logThreshold({ ...this.#current, isToStderr: false });
    this.#log.notice(`Settings read again; ${list("changed", live)}`);
    if (late.length > 0) this.#log.warning(list("A restart is needed for", late));
  }
}

type Name = keyof StatdSettings;

function changedSettings(before: StatdSettings, after: StatdSettings): Name[] {
  const names = Object.keys(STATD) as Name[];
  return names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}

function isLive(name: Name): boolean {
  return (STATD as Table)[name]!.isLive === true;
}

function list(title: string, names: readonly Name[]): string {
  const keys = names.map((name) => (STATD as Table)[name]!.file?.key ?? name);
  return `${title}: ${keys.join(", ") || "nothing"}`;
}
