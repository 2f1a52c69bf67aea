/** In-memory file system for settings. */

import type { FileText, ReadFiles } from "../../lib/config/read_files.ts";

/** Files by absolute path; folders exist if they contain files. */
export class MemoryFiles implements ReadFiles {
  constructor(
    private readonly files: Readonly<Record<string, string>>,
    /** Paths that exist but are unreadable, with the system's error text. */
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
