/**
 * In-memory storage shared by several nodes. A power cut loses unsynced changes, and every call
 * waits for a step of the test, so that calls of nodes interleave in any order.
 */

import type { LedgerFiles } from "../../lib/cluster/epoch_directory.ts";

interface File {
  text: string;
  synced: string;
}

interface Directory {
  names: Map<string, File | Directory>;
  synced: Map<string, File | Directory>;
}

/** Call waiting for its turn. */
interface Waiting {
  readonly node: string;
  readonly operation: string;
  readonly go: () => void;
}

export class SharedStorage {
  readonly root = directory();
  /** True if calls wait for {@link step}; otherwise they complete at once. */
  isStepped = false;
  /** Fault injection: a call fails with the error returned. */
  fault: (operation: string, path: string) => Error | undefined = () => undefined;
  /** The same for a call that was carried out: a network file system may lose the answer. */
  lateFault: typeof this.fault = () => undefined;
  /** Completed calls, as `node operation path`. */
  readonly calls: string[] = [];
  #waiting: Waiting[] = [];

  /** Nodes with waiting calls, an entry for each call. */
  get waiting(): readonly string[] {
    return this.#waiting.map(({ node }) => node);
  }

  /** Completes a waiting call, by index. */
  step(index: number): void {
    this.#waiting.splice(index, 1)[0]?.go();
  }

  /** Kills a node: its calls never return. */
  kill(node: string): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.node !== node);
  }

  /** Cuts the power: any part of unsynced changes may survive. */
  cutPower(random: (below: number) => number): void {
    this.#waiting = [];
    settle(this.root, random);
  }

  /** Makes a durable directory. */
  mount(path: string): void {
    const { parent, name } = this.#locate(path);
    parent.names.set(name, directory());
    parent.synced = new Map(parent.names);
  }

  /** File calls of one node. */
  filesOf(node: string): LedgerFiles {
    const call = async <T>(operation: string, path: string, action: () => T): Promise<T> => {
      if (this.isStepped) {
        await new Promise<void>((go) => this.#waiting.push({ node, operation, go }));
      }
      this.calls.push(`${node} ${operation} ${path}`);
      const fault = this.fault(operation, path);
      if (fault !== undefined) throw fault;
      const result = action();
      const late = this.lateFault(operation, path);
      if (late !== undefined) throw late;
      return result;
    };
    return {
      names: (path) => call("names", path, () => [...this.#directory(path).names.keys()]),
      read: (path) => call("read", path, () => this.#file(path)?.text),
      append: (path, text) =>
        call("append", path, () => {
          const file = this.#file(path);
          if (file === undefined) throw new Deno.errors.NotFound("No such file (os error 2)");
          file.text += text;
        }),
      write: (path, text) =>
        call("write", path, () => {
          const { parent, name } = this.#locate(path);
          parent.names.set(name, { text, synced: "" });
        }),
      makeDirectory: (path) =>
        call("makeDirectory", path, () => {
          const { parent, name } = this.#locate(path);
          if (parent.names.has(name)) throw new Deno.errors.AlreadyExists("exists");
          parent.names.set(name, directory());
        }),
      rename: (from, to) => call("rename", to, () => this.#rename(from, to)),
      // File by file: others see, and may rename, what is left.
      removeTree: async (path) => {
        if (this.#file(path) !== undefined) {
          return await call("unlink", path, () => {
            const { parent, name } = this.#locate(path);
            parent.names.delete(name);
          });
        }
        const names = await call("names", path, () => [...this.#directory(path).names.keys()]);
        for (const name of names) {
          await call("unlink", `${path}/${name}`, () => this.#directory(path).names.delete(name));
        }
        await call("rmdir", path, () => {
          const { parent, name } = this.#locate(path);
          if (this.#directory(path).names.size > 0) throw new Error("Directory not empty");
          parent.names.delete(name);
        });
      },
      sync: (path) =>
        call("sync", path, () => {
          const { parent, name } = this.#locate(path);
          const node = parent.names.get(name);
          if (node === undefined) throw new Deno.errors.NotFound("No such file (os error 2)");
          if ("text" in node) node.synced = node.text;
          else node.synced = new Map(node.names);
        }),
    };
  }

  #rename(from: string, to: string): void {
    const source = this.#locate(from);
    const target = this.#locate(to);
    const node = source.parent.names.get(source.name);
    const there = target.parent.names.get(target.name);
    if (node === undefined) throw new Deno.errors.NotFound("No such file (os error 2)");
    if (there !== undefined && "names" in there && there.names.size > 0) {
      throw new Error("Directory not empty (os error 39)");
    }
    source.parent.names.delete(source.name);
    target.parent.names.set(target.name, node);
  }

  #locate(path: string): { parent: Directory; name: string } {
    const parts = path.split("/").filter((part) => part !== "");
    const name = parts.pop()!;
    return { parent: this.#directory(parts.join("/")), name };
  }

  #directory(path: string): Directory {
    let node: File | Directory = this.root;
    for (const part of path.split("/").filter((part) => part !== "")) {
      const next: File | Directory | undefined = "names" in node ? node.names.get(part) : undefined;
      if (next === undefined) throw new Deno.errors.NotFound("No such directory (os error 2)");
      node = next;
    }
    if ("text" in node) throw new Error("Not a directory (os error 20)");
    return node;
  }

  #file(path: string): File | undefined {
    const { parent, name } = this.#locate(path);
    const node = parent.names.get(name);
    return node !== undefined && "text" in node ? node : undefined;
  }
}

function directory(): Directory {
  return { names: new Map(), synced: new Map() };
}

/** Settles a power cut: a directory's names from before or after its last changes, and parts of texts. */
function settle(node: File | Directory, random: (below: number) => number): void {
  if ("text" in node) {
    if (node.text.startsWith(node.synced)) {
      const tail = node.text.slice(node.synced.length);
      const kept = tail.slice(0, random(tail.length + 1));
      node.text = node.synced + (random(3) === 0 ? "\0".repeat(kept.length) : kept);
    } else node.text = random(2) === 0 ? node.synced : node.text;
    node.synced = node.text;
    return;
  }
  if (random(2) === 0) node.names = new Map(node.synced);
  node.synced = new Map(node.names);
  for (const child of new Set(node.names.values())) settle(child, random);
}
