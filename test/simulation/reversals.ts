/**
 * Fixes to be reverted one at a time, to measure how soon the simulation notices: `deno task
 * reversals`. Each text occurs exactly once in its file.
 */

/** A fix, and how to revert it. */
export interface Reversal {
  readonly name: string;
  readonly changes: readonly {
    readonly file: string;
    readonly from: string;
    readonly to: string;
  }[];
}

export const REVERSALS: readonly Reversal[] = [
  {
    name: "B1: SM_UNMON deletes the record of the SM_MON behind it",
    changes: [{
      file: "lib/nsm/removal.ts",
      from: "(record) => list.isMadeAnew(record, removed)",
      to: "() => false",
    }],
  },
  {
    name: "B3: a restart tells lock managers of state 0 after a declaration",
    changes: [{
      file: "lib/nsm/announcer.ts",
      from: "    memory.note(key, { ...news, passedOn });",
      to: "    if (heardAt !== undefined) memory.note(key, { ...news, passedOn });",
    }, {
      file: "lib/nsm/remembered_news.ts",
      from: "    if (lastState === undefined) return;\n",
      to: "    lastState ??= 0;\n",
    }],
  },
  {
    name: "B5: an error of the disk in the middle of a turn ends sm-notify",
    changes: [{
      file: "lib/store/notify_store.ts",
      from: "      return true; // telling a peer twice does no harm\n",
      to: '      throw new Error("the disk has failed");\n',
    }, {
      file: "lib/nsm/notify/notifier.ts",
      from: "      if (!this.#isOver && this.#list.isBusy(peer)) this.#failed(peer, failed);\n",
      to: "      void failed;\n      throw error;\n",
    }],
  },
  {
    name: "B9: a start of sm-notify that fails uses up the run of the boot",
    changes: [{
      file: "lib/notify/prepare.ts",
      from: "  if (!mayRun(settings, run, lock, log, tell)) return 0;\n",
      to:
        "  if (!mayRun(settings, run, lock, log, tell)) return 0;\n  takeLock(lock, run, life, true, log);\n",
    }],
  },
  {
    name: "matching.md: a notice whose peer was not looked up yet concerns nobody",
    changes: [{
      file: "lib/nsm/notices.ts",
      from: "const isKept = this.#undecided.keep(heard, { ...found, younger }, judging);",
      to: "const isKept = judging !== undefined || found !== undefined || younger;",
    }],
  },
];
