/** A file system for settings that lives in memory. */

import type { FileText, ReadFiles } from "../../lib/config/read_files.ts";

/** Holds files by absolute path; folders exist as far as files lie in them. */
export class MemoryFiles implements ReadFiles {
  constructor(
    private readonly files: Readonly<Record<string, string>>,
    /** Paths that exist and cannot be read, with the system's words for it. */
    private readonly unreadable: Readonly<Record<string, string>> = {},
  ) {}

  readText(path: string): FileText {
    const reason = this.unreadable[path];
    if (reason !== undefined) return { kind: "unreadable", reason };
    const text = this.files[path];
    return text === undefined ? { kind: "missing" } : { kind: "text", text };
  }

  list(folder: string): readonly string[] {
    return Object.keys(this.files)
      .filter((path) => path.startsWith(`${folder}/`))
      .map((path) => path.slice(folder.length + 1))
      .filter((name) => !name.includes("/"));
  }

  absolute(path: string): string {
    return `/working-directory/${path}`;
  }

  statFault(path: string): string | undefined {
    const bare = path.replace(/(?<=.)\/+$/, "");
    const exists = bare in this.files || bare in this.unreadable ||
      bare !== "" && Object.keys(this.files).some((file) => file.startsWith(`${bare}/`));
    return exists ? undefined : "No such file or directory";
  }
}
