/**
 * What the program says, and where it goes. Everything but commands/ imports only the type
 * {@link Log} from here; this is the one file that knows @std/log.
 */

/**
 * Where a part of the program says what it does. A message is one line without a line end; text that
 * came from outside has gone through {@link quote} before.
 */
export interface Log {
  error(message: string): void;
  warning(message: string): void;
  notice(message: string): void;
  info(message: string): void;
  /** The text is only made when somebody wants it. */
  debug(message: () => string): void;
}
