/** Text of an error, for a line that names the subject and the reason. */

/** Message of an error, or the text of any other value that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Message of an error, without the system call and path that Deno appends. */
export function reasonOf(error: unknown): string {
  const message = messageOf(error);
  return /^.*? \(os error \d+\)/s.exec(message)?.[0] ?? message;
}
