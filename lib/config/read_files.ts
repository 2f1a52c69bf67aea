/** File system interface for reading settings, implemented in `ini_file.ts`. */

/** Text of a file, or the reason why there is none. */
export type FileText =
  | { readonly kind: "text"; readonly text: string; readonly warning?: string }
  | { readonly kind: "missing" }
  | { readonly kind: "unreadable"; readonly reason: string };

export interface ReadOptions {
  /** Waits briefly for a process that rewrites the file under a lock. */
  readonly waitsForWriter: boolean;
  /** A longer file is unreadable. */
  readonly maxBytes?: number;
}

export interface ReadFiles {
  readText(path: string, options?: ReadOptions): FileText;
  /** Names of the regular files and symbolic links in a directory, unordered; empty if it is missing. */
  list(folder: string): readonly string[];
  /** System's reason why a path cannot be reached, such as `No such file or directory`. */
  statFault(path: string): string | undefined;
  /** Absolute form of a path relative to the working directory. */
  absolute(path: string): string;
}
