/** Programs that the daemon starts. */

import { RPCBIND_SOCKET } from "../protocol/rpcbind.ts";
import { runRpcbind } from "./run_rpcbind.ts";
import { type NotifyChildParts, runSmNotify } from "./run_sm_notify.ts";

/** Functions that start rpcbind and sm-notify, as configured. */
export function programsOf(parts: NotifyChildParts) {
  const { settings } = parts;
  return {
    runRpcbind: () =>
      runRpcbind({ ...parts, mode: settings.rpcbindMode, socketPath: RPCBIND_SOCKET }),
    async notifyPeers() {
      if (!settings.noNotify) await runSmNotify(parts);
    },
  };
}
