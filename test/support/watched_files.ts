/** Real file system that records changes, with fault injection for writes. */

import { type FileSystem, RealFileSystem } from "../../lib/store/file_system.ts";

export class WatchedFiles implements FileSystem {
  /** Paths of files made, written, renamed or removed. */
  readonly changed: string[] = [];
  /** Error of all further writes while set. */
  fault: Error | undefined;
  /** Runs before a record file is read. */
  beforeRead: (path: string) => void = () => {};
  readonly #fs = new RealFileSystem();

  list: FileSystem["list"] = (directory) => this.#fs.list(directory);
  facts: FileSystem["facts"] = (path) => this.#fs.facts(path);
  read: FileSystem["read"] = (path, maxBytes) => this.#fs.read(path, maxBytes);
  readOwn: FileSystem["readOwn"] = (path, maxBytes) => {
    this.beforeRead(path);
    return this.#fs.readOwn(path, maxBytes);
  };
  keep: FileSystem["keep"] = (path, maxBytes) => this.#fs.keep(path, maxBytes);
  follow: FileSystem["follow"] = (path) => this.#fs.follow(path);
  openDirectory: FileSystem["openDirectory"] = (path) => this.#fs.openDirectory(path);

  openFile: FileSystem["openFile"] = (path) => this.#fs.openFile(path);
  syncsNames: FileSystem["syncsNames"] = (directory) => this.#fs.syncsNames(directory);

  create: FileSystem["create"] = (path, mode) => {
    if (this.fault !== undefined) throw this.fault;
    this.changed.push(path);
    return this.#fs.create(path, mode);
  };
  reuse: FileSystem["reuse"] = (path, mode) => {
    if (this.fault !== undefined) throw this.fault;
    this.changed.push(path);
    return this.#fs.reuse(path, mode);
  };
  append: FileSystem["append"] = (path, text, mode) => {
    if (this.fault !== undefined) throw this.fault;
    this.changed.push(path);
    this.#fs.append(path, text, mode);
  };
  overwrite: FileSystem["overwrite"] = (path, text) => {
    if (this.fault !== undefined) throw this.fault;
    this.changed.push(path);
    this.#fs.overwrite(path, text);
  };
  rename: FileSystem["rename"] = (from, to) => {
    this.changed.push(from, to);
    this.#fs.rename(from, to);
  };
  remove: FileSystem["remove"] = (path) => {
    this.changed.push(path);
    this.#fs.remove(path);
  };
}
