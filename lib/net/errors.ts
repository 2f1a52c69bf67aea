/** The errors of Deno's sockets, told apart by what the loops around them have to do. */

/** The socket was closed while or before it was used; which class it is depends on the operation. */
export function isClosed(error: unknown): boolean {
  return error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.BadResource;
}

/** The system's word for an error, such as `EMFILE`, where Deno passes it on. */
export function systemCode(error: unknown): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : undefined;
}

/** Errors of accept(2) that concern the connection that was to be taken, and not the next one. */
const LOST_CONNECTION = new Set(["ENOTCONN", "ECONNABORTED", "ECONNRESET", "EPROTO"]);

/** True if the connection was gone before it was accepted, as when its peer reset it. */
export function isLostConnection(error: unknown): boolean {
  return LOST_CONNECTION.has(systemCode(error) ?? "");
}
