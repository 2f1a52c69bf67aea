/** Dispatch hooks of rpcbind: rate limits per source, access files, the access rule, and logging. */

import type { RpcbindSettings } from "../config/settings.ts";
import { denialOf, type HostsFiles } from "../hosts/hosts_files.ts";
import type { Log } from "../log.ts";
import { limited, type LogLimits } from "../log_limits.ts";
import { SourceLimits } from "../nsm/source_limits.ts";
import { systemClock as clock } from "../platform/clock.ts";
import { quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import type { Admission, DispatchHooks, Verdict } from "../rpc/dispatch.ts";
import type { Procedure } from "../rpc/program.ts";
import type { Caller } from "../rpc/transport.ts";
import { isFromHere, rpcbindAccessFault } from "./access.ts";
import type { InterfaceAddress } from "./merged_address.ts";
import type { Statistics } from "./statistics.ts";

/** Limits of the call log (`-l`), against floods. */
const CALL_LINES: LogLimits = { lines: 1_000, total: 10_000, intervalMs: 60_000 };

/** Objects that the hooks decide by or report to. */
export interface HookParts {
  readonly settings: RpcbindSettings;
  readonly hosts: HostsFiles;
  readonly statistics: Statistics;
  /** Addresses of this host. */
  readonly interfaces: () => readonly InterfaceAddress[];
  readonly log: Log;
  /** Called for each internal error of the program. */
  readonly failed: () => void;
}

/** Hooks of the dispatcher: access rule, statistics and log lines of calls. */
export function callHooks(parts: HookParts): DispatchHooks {
  const { settings, hosts, statistics, interfaces, log, failed } = parts;
  const isOwnAddress = (address: string) => interfaces().some((own) => own.address === address);
  const rule = { ...settings, isOwnAddress };
  const lines = limited(log, clock);
  const sources = new SourceLimits(clock);
  const callLines = limited(log, clock, CALL_LINES);
  const decided = (procedure: Procedure, name: string, caller: Caller): Verdict => {
    const from = caller.uid === undefined ? caller.address : `uid ${caller.uid}`;
    const fault = rpcbindAccessFault(procedure, caller, rule);
    if (fault !== undefined) {
      lines("warning", `${name} refused`, () => `${name} from ${quote(from)} refused: ${fault}`);
      return "tooWeak";
    }
    if (settings.logCalls) callLines("notice", name, () => `${name} from ${quote(from)}`);
    return "accept";
  };
  const admitted = (
    admission: Admission,
    procedure: Procedure,
    name: string,
    caller: Caller,
  ): Verdict => {
    if (admission === "admitted") return decided(procedure, name, caller);
    if (admission === "tryLater") return "ignore";
    const key = `callers refused, as ${quote(caller.address)}`;
    lines("warning", key, () => denialOf(caller.address));
    return "deny";
  };
  return {
    called: ({ version }, procedure) => statistics.called(version, procedure),
    access(procedure, name, caller) {
      // Dropped like a lost datagram: a genuine caller retries.
      if (!isFromHere(caller) && !sources.admits(caller.address)) return "ignore";
      if (caller.uid !== undefined) return decided(procedure, name, caller);
      const admission = hosts.admits(caller);
      return admission instanceof Promise
        ? admission.then((late) => admitted(late, procedure, name, caller))
        : admitted(admission, procedure, name, caller);
    },
    handlerFailed(name, { address }, error) {
      lines("error", `${name} failed`, () => `${name} of ${quote(address)}: ${reasonOf(error)}`);
      failed();
    },
    garbage: (name, { address }, error) =>
      log.debug(() => `${name} of ${address}: ${error.message}`),
  };
}
