/** Network between our processes, the local lock managers and rpcbind, and the peers. */

import type { CallPeer } from "../../lib/nsm/ports.ts";
import { RpcError } from "../../lib/rpc/errors.ts";
import { type Endpoint, TransportError } from "../../lib/rpc/transport.ts";
import type { Dice } from "./dice.ts";
import type { Process } from "./process.ts";

/** A call on arrival. */
export interface Arrived {
  readonly program: number;
  readonly version: number;
  readonly procedure: string;
  readonly args: unknown;
  readonly to: Endpoint;
  readonly transport: "udp" | "tcp";
}

/** Outcome of a call: a result, silence, or a refusal. */
export type Reaction =
  | { readonly result: unknown }
  | "silence"
  | "unreachable"
  | { readonly error: RpcError };

/** Round-trip times in ms: usual and maximum. */
const ROUND_TRIP_MS = 0.2;
const ROUND_TRIP_MAX_MS = 400;

export interface NetworkParts {
  readonly dice: Dice;
  readonly loss: () => number;
  readonly duplicates: () => number;
  /** Server at an address. */
  readonly serve: (call: Arrived) => Reaction;
  /** Called for each call sent; the returned function is called for its answer. */
  readonly leaves: (from: Process, call: Arrived) => () => void;
}

/** Calls from a process. */
export function callsFrom(process: Process, parts: NetworkParts): CallPeer {
  const { dice, loss, duplicates, serve, leaves } = parts;
  return {
    call(program, name, args, to, transport, timeoutMs) {
      const { number, version } = program;
      const call = { program: number, version, procedure: name, args, to, transport };
      if (process.isDead) return new Promise(() => {});
      const label = `${to.address} ${name}`;
      const answered = leaves(process, call);
      return new Promise((resolve, reject) => {
        let isSettled = false;
        const settle = (action: () => void) => {
          if (isSettled || process.isDead) return;
          isSettled = true;
          calledOff();
          action();
        };
        const calledOff = process.agenda.after(timeoutMs, () => {
          settle(() => reject(new RpcError(name, to, { kind: "timeout", elapsedMs: timeoutMs })));
        });
        const isLost = () => transport === "udp" && dice.chance(label, loss());
        const arrive = () => {
          const reaction = serve(call);
          if (reaction === "silence" || isLost()) return;
          process.agenda.after(dice.delay(label, ROUND_TRIP_MS, ROUND_TRIP_MAX_MS) / 2, () => {
            settle(() => {
              if (reaction === "unreachable") {
                return reject(new TransportError("send to", to, "Network is unreachable"));
              }
              if ("error" in reaction) return reject(reaction.error);
              answered();
              resolve(reaction.result as never);
            });
          });
        };
        const copies = transport === "udp" && dice.chance(label, duplicates()) ? 2 : 1;
        for (let copy = 0; copy < copies; copy++) {
          if (isLost()) continue;
          process.agenda.after(dice.delay(label, ROUND_TRIP_MS, ROUND_TRIP_MAX_MS) / 2, arrive);
        }
      });
    },
  };
}
