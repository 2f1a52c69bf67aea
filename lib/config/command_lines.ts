/**
 * Command lines of the programs: settings, actions such as --help, and the exit status of a wrong
 * option.
 *
 * Source: statd(8), sm-notify(8); exit statuses as observed of nfs-utils 2.6.2.
 */

import { RPCBIND, type SettingsOf, SM_NOTIFY, STATD, type Table } from "./settings.ts";

/** Option that replaces the normal run of the program. */
export type Action = "help" | "version" | "check-config";

/** Command line of one program. */
export interface CommandLine<T extends Table> {
  readonly table: T;
  /** Letters of each action; its long name is the action itself. */
  readonly actions: Readonly<Record<Action, string>>;
  /** Exit status for an unknown option, or one without its argument. */
  readonly wrongOptionStatus: number;
  readonly operands: "ignored" | "refused";
  /** Reason why these settings, each valid in itself, conflict. */
  conflict?(settings: SettingsOf<T>): string | undefined;
}

/** Exit status for conflicting settings: -1 as the system sees it. */
export const CONFLICT_STATUS = 255;

/** Help text of each action. */
export const ACTION_HELP: Readonly<Record<Action, string>> = {
  "help": "Print this help and exit.",
  "version": "Print the version and exit.",
  "check-config": "Print the settings in effect; exit 1 if there are warnings.",
};

/** rpc.statd: a wrong option ends it with success, and operands are ignored. */
export const STATD_COMMAND_LINE: CommandLine<typeof STATD> = {
  table: STATD,
  actions: { "help": "h?", "version": "Vv", "check-config": "" },
  wrongOptionStatus: 0,
  operands: "ignored",
  conflict({ port, outgoingPort }) {
    return port !== 0 && port === outgoingPort
      ? "Listening and outgoing ports cannot be the same!"
      : undefined;
  },
};

/** sm-notify: any error ends it with 1. */
export const SM_NOTIFY_COMMAND_LINE: CommandLine<typeof SM_NOTIFY> = {
  table: SM_NOTIFY,
  actions: { "help": "", "version": "", "check-config": "" },
  wrongOptionStatus: 1,
  operands: "refused",
};

/** rpcbind: any error ends it with 1. */
export const RPCBIND_COMMAND_LINE: CommandLine<typeof RPCBIND> = {
  table: RPCBIND,
  actions: { "help": "?", "version": "Vv", "check-config": "" },
  wrongOptionStatus: 1,
  operands: "refused",
};
