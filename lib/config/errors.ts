/**
 * Error in a setting, an option or a line of nfs.conf.
 *
 * It is returned in lists, as a warning, if the program uses the default instead. It is thrown only
 * inside `lib/config/`, and ends the program before any socket opens.
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
