/**
 * Faults that are put into the program one at a time, to see whether the tests notice: lines that wait,
 * start something, or ask again what was known before a wait. A number is that of the review which has
 * tried it first.
 */

/** One fault. */
export interface Mutation {
  readonly file: string;
  /** Text that is there exactly once, and what takes its place. */
  readonly from: string;
  readonly to: string;
  /** What goes wrong with it. */
  readonly reason: string;
  /** Why nothing changes, where the tests cannot notice. */
  readonly isHarmless?: string;
}

const SERVICE = "lib/nsm/service.ts";
const CALLBACK = "lib/nsm/callback.ts";
const NOTICES = "lib/nsm/notices.ts";
const DIRECTORY = "lib/nsm/peer_directory.ts";
const REMOVAL = "lib/nsm/removal.ts";
const REGISTRATION = "lib/nsm/registration.ts";
const WATCHED = "lib/nsm/watched_store.ts";
const ANNOUNCER = "lib/nsm/announcer.ts";
const MONITOR = "lib/statd/monitor.ts";
const COMMIT = "lib/store/group_commit.ts";
const FILES = "lib/store/file_store.ts";
const MEMORY = "lib/store/peer_memory.ts";
const PREPARE = "lib/notify/prepare.ts";
const NOTIFIER = "lib/nsm/notify/notifier.ts";
const TURN = "lib/nsm/notify/peer_turn.ts";
const TOLD = "lib/nsm/notify/told_peers.ts";
const RESOLVER = "lib/net/resolver.ts";
const SLOTS = "lib/net/lookup_slots.ts";

export const MUTATIONS: readonly Mutation[] = [
  // The survivors of the review but 18, which went with the code that it was in.
  {
    file: SERVICE,
    from: "    if (monitored.record !== record) return;\n",
    to: "",
    reason: "17: SM_MON that fails undoes the one behind it",
  },
  {
    file: CALLBACK,
    from: "if (this.#found.get(key) === found) this.#found.set(key, to);",
    to: "this.#found.set(key, to);",
    reason: "19: a lock manager that has moved is called where it was",
    isHarmless:
      "all who wait for one answer of rpcbind go on one after the other, before a call of " +
      "theirs can have failed",
  },
  {
    file: NOTICES,
    from: "if (lastNotice >= ordinal) continue;",
    to: "",
    reason: "20: a notice overtakes a newer one that was decided before",
  },
  {
    file: ANNOUNCER,
    from: "if (list.has(key)) memory.note(key, { passedOn: untold.state });",
    to: "memory.note(key, { passedOn: untold.state });",
    reason: "23: facts of a peer are noted that nobody asks about any more",
    isHarmless:
      "a callback is called off before its peer is forgotten, which takes the facts along",
  },
  {
    file: PREPARE,
    from: '=== "cutShort" && !run.hasNewPeers ?',
    to: '=== "cutShort" ?',
    reason: "30: new peers are told the number of a run that was cut short",
  },
  // New ones, on lines that wait or start something.
  {
    file: SERVICE,
    from: "await store.put(record, previous);",
    to: "void store.put(record, previous);",
    reason: "SM_MON is acknowledged before it is on disk",
  },
  {
    file: SERVICE,
    from: "await callout()?.monitored(mon_name, record.myName);",
    to: "void callout()?.monitored(mon_name, record.myName);",
    reason: "SM_MON does not wait for the callout",
  },
  {
    file: SERVICE,
    from: "else await this.#remove([monitored], registration.myName);",
    to: "else void this.#remove([monitored], registration.myName);",
    reason: "SM_UNMON is acknowledged before the record is gone",
  },
  {
    file: SERVICE,
    from: "await this.#remove(this.parts.list.of(requester), requester.myName);",
    to: "void this.#remove(this.parts.list.of(requester), requester.myName);",
    reason: "SM_UNMON_ALL is acknowledged before the records are gone",
  },
  {
    file: SERVICE,
    from: "if (list.has(record.monName)) directory.add(record.monName);",
    to: "directory.add(record.monName);",
    reason: "a peer is looked up for ever that nobody asks about any more",
  },
  {
    file: SERVICE,
    from: "      if (list.clearings !== clearings) continue;\n",
    to: "",
    reason: "SM_MON is acknowledged although SM_SIMU_CRASH has emptied the list",
  },
  {
    file: SERVICE,
    from: "      monitored.lastNotice = Math.max(monitored.lastNotice, taken);\n",
    to: "",
    reason: "a registration with a new cookie is concerned by notices from before it",
  },
  {
    file: CALLBACK,
    from: "    if (!isWanted()) return;\n",
    to: "",
    reason: "what was called off is tried again",
  },
  {
    file: CALLBACK,
    from: "if (!isWanted()) return undefined;",
    to: "",
    reason: "the call leaves although it was called off while rpcbind was asked",
  },
  {
    file: CALLBACK,
    from: "if (pending.state === state) this.#pending.delete(monitored);",
    to: "this.#pending.delete(monitored);",
    reason: "a state is lost that came while the one before was told",
  },
  {
    file: CALLBACK,
    from: "      pending.cancelRetry = clock.startTimer(pause, () => {",
    to: "      clock.startTimer(pause, () => {",
    reason: "a retry goes on behind the stop",
  },
  {
    file: CALLBACK,
    from: "          this.#inFlight--;\n",
    to: "",
    reason: "after 64 callbacks there is no room for another",
  },
  {
    file: NOTICES,
    from: "await Promise.all(unverified.map((peer) => directory.refresh(peer)));",
    to: "",
    reason: "a peer with a new address is refused",
  },
  {
    file: NOTICES,
    from: ".finally(() => this.#undecided--)",
    to: "",
    reason: "after 256 undecided notices none is taken any more",
  },
  {
    file: DIRECTORY,
    from: "if (this.#isStopped || !this.#unknown.has(key)) return;",
    to: "if (this.#isStopped) return;",
    reason: "a peer is remembered that was unmonitored during its look-up",
  },
  {
    file: DIRECTORY,
    from: "      this.#cancelRelearn = undefined;\n",
    to: "",
    reason: "what could not be found is asked for once more only",
  },
  {
    file: DIRECTORY,
    from: "      this.#cancelLearning = undefined;\n",
    to: "",
    reason: "the second peer is never looked up",
  },
  {
    file: DIRECTORY,
    from: "      this.#learning--;\n      this.#learnSoon();",
    to: "      this.#learning--;",
    reason: "the line stands still when four look-ups were under way",
  },
  {
    file: REMOVAL,
    from: ".filter((record) => !isSpelledAlike(list.find(record)?.record, record));",
    to: ";",
    reason: "B1: a record is deleted that was made anew during the callout",
  },
  {
    file: REMOVAL,
    from: "!isSpelledAlike(list.find(record)?.record, record)",
    to: "list.find(record) === undefined",
    reason: "a record stays that was made anew in other letters",
  },
  {
    file: REMOVAL,
    from: "    await store.remove(gone);",
    to: "    void store.remove(gone);",
    reason: "a removal that fails is acknowledged",
  },
  {
    file: REMOVAL,
    from:
      "for (const monitored of removed) if (monitored.stored !== undefined) list.restore(monitored);",
    to: "",
    reason: "a removal that failed is one in memory",
  },
  {
    file: REGISTRATION,
    from: "if (this.#session === session) this.#session = undefined;",
    to: "this.#session = undefined;",
    reason: "the end of an old connection ends the new registration",
    isHarmless:
      "an old session is replaced only after its connection has ended or was closed, and a " +
      "session too many is only registered again",
  },
  {
    file: REGISTRATION,
    from: "    await this.#session?.end();",
    to: "",
    reason: "the entry with rpcbind stays behind the stop",
  },
  {
    file: WATCHED,
    from: "    try {\n      await change;",
    to: "    try {\n      void change.catch(() => {});",
    reason: "a change counts as made that is under way",
  },
  {
    file: WATCHED,
    from: "      this.#cancelTidying = undefined;\n",
    to: "",
    reason: "the directory is tidied up once only",
  },
  {
    file: MONITOR,
    from: '.then(() => signal.aborted ? "ignore" : verdict)',
    to: ".then(() => verdict)",
    reason: "a stop during the load answers by half of the list",
  },
  {
    file: ANNOUNCER,
    from: "if (this.#callbacks.forget(monitored)) this.#settled(monitored);",
    to: "this.#callbacks.forget(monitored);",
    reason: "lock managers are told again after a restart",
  },
  {
    file: ANNOUNCER,
    from:
      "    memory.note(key, { lastState: state, ...(heardAt !== undefined && { heardAt }) });\n",
    to: "",
    reason: "B3: what is announced is not remembered as owed",
  },
  {
    file: COMMIT,
    from: "    this.#isRunning = false;\n",
    to: "",
    reason: "the second change is never made",
  },
  {
    file: COMMIT,
    from: "    if (!isDone) this.#startCatchingUp(LATER_MS);",
    to: "",
    reason: "a removal is never made durable when the disk has failed once",
  },
  {
    file: FILES,
    from: "const results = await Promise.allSettled(promises);",
    to: "const results = await Promise.allSettled(promises.slice(0, 1));",
    reason: "a record is acknowledged while its copies are being removed",
  },
  {
    file: MEMORY,
    from: "      this.#isPaused = false;\n",
    to: "",
    reason: "the memory is never written again once the disk has refused",
  },
  {
    file: NOTIFIER,
    from: "    await this.#told.removeAll();",
    to: "    void this.#told.removeAll();",
    reason: "the process ends before told peers are off the list",
  },
  {
    file: TURN,
    from: "if (this.#isDone(peer)) return [await preferred];",
    to: "",
    reason: "a peer that has answered is told again over another way",
  },
  {
    file: TOLD,
    from: "if (--this.#removals === 0) this.#onRemoved();",
    to: "this.#onRemoved();",
    reason: "the end is not waited for by more than one removal",
  },
  {
    file: RESOLVER,
    from: "    this.#running.delete(key);\n",
    to: "",
    reason: "a question is never asked again",
  },
  {
    file: RESOLVER,
    from: "        running.askers--;\n",
    to: "",
    reason: "what nobody waits for any more takes a thread",
  },
  {
    file: SLOTS,
    from: "          this.#startNext();\n",
    to: "",
    reason: "whoever stands in line stays there",
  },
];
