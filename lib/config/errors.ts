/**
 * Error in a setting, an option or a line of nfs.conf.
 *
 * Returned in lists, as warnings, where the program goes on with the default; thrown only inside
 * `lib/config/`, where it ends the program before any socket opens.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  constructor(
    /** Place: `FILE:LINE`, a file, an option as `-p`, or an environment variable. */
    readonly source: string,
    /** Setting in nfs.conf's spelling; empty if unknown. */
    readonly key: string,
    readonly reason: string,
  ) {
    super(`${source}: ${key === "" ? "" : `${key}: `}${reason}`);
  }
}
