/** Loads settings of both programs from made-up files, arguments and environment. */

import {
  loadRpcbindSettings,
  loadSmNotifySettings,
  loadStatdSettings,
} from "../../lib/config/load.ts";
import { MemoryFiles } from "../support/memory_files.ts";

/** Inputs of a start; nfs.conf is a text, or several files. */
export interface Given {
  readonly args?: readonly string[];
  readonly conf?: string | Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly width?: number;
}

/** Files whose folders have to exist. */
const FOLDERS = { "/srv/nsm/state": "", "/var/lib/nfs/state": "", "/tmp/x": "", "./x": "" };

function start({ args = [], conf = {}, env = {}, width }: Given, programName: string) {
  const files = new MemoryFiles({
    ...FOLDERS,
    ...(typeof conf === "string" ? { "/etc/nfs.conf": conf } : conf),
  });
  return {
    programName,
    args,
    env: new Map(Object.entries(env)),
    files,
    ...(width === undefined ? {} : { width }),
  };
}

export const statd = (given: Given) => loadStatdSettings(start(given, "rpc.statd"));
export const rpcbind = (given: Given) => loadRpcbindSettings(start(given, "rpcbind"));
export const smNotify = (given: Given) => loadSmNotifySettings(start(given, "sm-notify"));

export const inStatd = (lines: string) => ({ conf: `[statd]\n${lines}\n` });
export const inLockd = (lines: string) => ({ conf: `[lockd]\n${lines}\n` });
export const inSmNotify = (lines: string) => ({ conf: `[sm-notify]\n${lines}\n` });
