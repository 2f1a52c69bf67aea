/** Text of a small file that is asked for often: read again only after a change. */

import { FileStamp } from "../platform/file_stamp.ts";

/** File whose present text is asked for repeatedly. */
export interface KeptFile {
  /** Text now, including a change that another process has just made; undefined without a file. */
  read(): string | undefined;
}

/** Keeps the text that `read` gives for the file at `path`. Errors of `read` are passed on. */
export function keepFile(
  path: string,
  read: () => string | undefined,
  stamp = new FileStamp(path),
): KeptFile {
  let text: string | undefined;
  return {
    read: () => {
      // The stamp is taken before the text: a change in between makes the next stamp differ.
      if (stamp.isUnchanged()) return text;
      try {
        return text = read();
      } catch (error) {
        stamp.forget();
        throw error;
      }
    },
  };
}
