/** Beginning of the command line that runs a program of test/ in a process of its own. */
export const DENO_RUN = [
  Deno.execPath(),
  "run",
  "--quiet",
  "--no-check",
  "--no-lock",
  "--unstable-net",
  "-A",
] as const;
