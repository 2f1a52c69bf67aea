/** Classification of Deno's socket errors. */

/** Whether the socket was closed before or during use; Deno's error class depends on the operation. */
export function isClosed(error: unknown): boolean {
  return error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.BadResource;
}

/** Error code of the system, such as `EMFILE`, if Deno passes it on. */
export function systemCode(error: unknown): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : undefined;
}

/** Errors of accept(2) that affect only the connection being accepted. */
const LOST_CONNECTION = new Set(["ENOTCONN", "ECONNABORTED", "ECONNRESET", "EPROTO"]);

/** Whether the connection was gone before it was accepted, as after a reset by its peer. */
export function isLostConnection(error: unknown): boolean {
  return LOST_CONNECTION.has(systemCode(error) ?? "");
}
