/** What reading settings reports. */

/**
 * A setting, an option or a line of nfs.conf that cannot be used as it stands.
 *
 * Returned in lists, as warnings, where the program goes on with the default; thrown only inside
 * `lib/config/`, where it ends the program before any socket opens.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  constructor(
    /** Where it was given: `FILE:LINE`, a file, an option as `-p`, or an environment variable. */
    readonly source: string,
    /** Setting, in its nfs.conf spelling; empty where no setting could be told. */
    readonly key: string,
    readonly reason: string,
  ) {
    super(`${source}: ${key === "" ? "" : `${key}: `}${reason}`);
  }
}
