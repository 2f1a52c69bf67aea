/** The view of the file system that reading settings needs; `ini_file.ts` has the real one. */

/** Text of a file, or why there is none. */
export type FileText =
  | { readonly kind: "text"; readonly text: string; readonly warning?: string }
  | { readonly kind: "missing" }
  | { readonly kind: "unreadable"; readonly reason: string };

/** What may be asked of the file system. */
export interface ReadFiles {
  /** `waitsForWriter`: somebody may be rewriting it under a lock; a short wait keeps out half a file. */
  readText(path: string, options?: { readonly waitsForWriter: boolean }): FileText;
  /** Names of the regular files and symbolic links in a folder, in any order; none if absent. */
  list(folder: string): readonly string[];
  /** The system's words for why a path cannot be reached, as `No such file or directory`. */
  statFault(path: string): string | undefined;
  /** A relative path from the working directory on. */
  absolute(path: string): string;
}
