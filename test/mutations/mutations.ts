/**
 * Faults planted in the program one at a time, to check whether the tests notice: in lines that wait,
 * start something, or check again after a wait what was known before. A number is that of the review
 * that tried the fault first.
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
const ENROLMENT = "lib/nsm/enrolment.ts";
const CALLBACK = "lib/nsm/callback.ts";
const JUDGE = "lib/nsm/notice_judge.ts";
const UNDECIDED = "lib/nsm/undecided_notices.ts";
const KEPT = "lib/nsm/kept_notices.ts";
const NOTICES = "lib/nsm/notices.ts";
const LIST = "lib/nsm/monitor_list.ts";
const REPLACED = "lib/nsm/replaced_states.ts";
const RELEARNING = "lib/nsm/relearning.ts";
const NEWS = "lib/nsm/remembered_news.ts";
const NOTICE_FILE = "lib/store/notice_file.ts";
const RUN = "lib/store/notify_run.ts";
const STORE = "lib/store/notify_store.ts";
const STREAMS = "lib/net/stream_server.ts";
const STOPS = "lib/statd/stop_list.ts";
const ACTIONS = "lib/statd/control_actions.ts";
const DIRECTORY = "lib/nsm/peer_directory.ts";
const REMOVAL = "lib/nsm/removal.ts";
const REGISTRATION = "lib/nsm/registration.ts";
const WATCHED = "lib/nsm/watched_store.ts";
const ANNOUNCER = "lib/nsm/announcer.ts";
const TOLD_STATES = "lib/nsm/told_states.ts";
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
  {
    file: "lib/cluster/etcd_ledger.ts",
    from: "of an earlier process.\n    await this.#requireTurns().begin();\n",
    to: "of an earlier process.\n",
    reason: "identities: the next process of a node does not keep out what the last one has sent",
  },
  {
    file: "lib/cluster/etcd_turns.ts",
    from:
      "      if (!mayComeLate) this.#turn = undefined; // restored below if the result is known\n",
    to: "",
    reason: "identities: a removal whose answer was lost is done late, and undoes a registration",
  },
  {
    file: "lib/cluster/identity_store.ts",
    from: "if (waiting.isNew && last === waiting)",
    to: "if (waiting.isNew)",
    reason: "identities: a call that is refused takes away what its repetition was granted",
  },
  {
    file: "lib/cluster/directory_ledger.ts",
    from:
      "await this.#epochs.guarded(() => this.#epochs.files.sync(this.#epochs.journalOf(own.epoch)));",
    to: "",
    reason:
      "identities: the next process of a node takes for lasting what the last one has written",
  },
  // The survivors of the review but 18, which went with the code that it was in.
  {
    file: ENROLMENT,
    from: "latest?.record ?? monitored.stored;",
    to: "monitored.stored;",
    reason:
      "17: SM_MON that fails undoes the one behind it, or before it, which is not on disk yet",
  },
  {
    file: ENROLMENT,
    from: "stored !== undefined && isSame(stored, record);",
    to: "isSame(previous, record);",
    reason: "a repeated SM_MON has no callout when the first one fails",
  },
  {
    file: ENROLMENT,
    from: "findLast((other) => other.monitored === monitored);",
    to: "find((other) => other.monitored === monitored);",
    reason: "SM_MON that fails leaves the oldest one under way in force, and not the latest",
  },
  {
    file: ENROLMENT,
    from: "    this.#writes.delete(write);\n    list.doubtStored(monitored);\n",
    to: "    list.doubtStored(monitored);\n",
    reason: "SM_MON that fails stays on the list",
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
    file: JUDGE,
    from: 'if (lastNotice >= (asked ?? ordinal)) return { kind: "repeated" };',
    to: "",
    reason: "20: a notice overtakes a newer one that was decided before",
  },
  {
    file: JUDGE,
    from: "(isDoubted === true || ordinal < lastAnswer) && callPeer !== undefined",
    to: "isDoubted === true && callPeer !== undefined",
    reason: "20: a notice overtakes the later state that its peer has told us itself",
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
    file: STORE,
    from: "if (after === before) syncFile(this.#fs, path);",
    to: "if (after === before) return text;",
    reason: "a record goes from sm whose copy in sm.bak a power cut takes",
  },
  {
    file: STORE,
    from: "if (readText(this.#fs, source) === text) this.#fs.remove(source);",
    to: "this.#fs.remove(source);",
    reason: "an acknowledged record goes that the monitor wrote during a sync",
  },
  {
    file: "lib/nsm/administration.ts",
    from: "const removed = [...peers].flatMap",
    to: "const removed = monNames.flatMap",
    reason: "nsmctl forget never ends when a peer is named in two letter cases",
  },
  {
    file: CALLBACK,
    from: "    else if (before !== undefined && before !== state) pending.first = before;\n",
    to: "",
    reason: "a lock manager is told only of a state that it was told before, and ignores it",
  },
  {
    file: ENROLMENT,
    from: "await store.put(record, previous);",
    to: "void store.put(record, previous);",
    reason: "SM_MON is acknowledged before it is on disk",
  },
  {
    file: ENROLMENT,
    from: "await this.parts.callout()?.monitored(record.monName, record.myName);",
    to: "void this.parts.callout()?.monitored(record.monName, record.myName);",
    reason: "SM_MON does not wait for the callout",
  },
  {
    file: SERVICE,
    from: "await this.#remove([monitored], myName);",
    to: "void this.#remove([monitored], myName);",
    reason: "SM_UNMON is acknowledged before the record is gone",
  },
  {
    file: "lib/statd/load_list.ts",
    from: " || list.leaving(record) !== undefined",
    to: "",
    reason: "a file that is read late makes anew what SM_UNMON is removing",
  },
  {
    file: REMOVAL,
    from: "      if (list.find(monitored.record) === monitored) resume?.();\n",
    to: "      resume?.();\n",
    reason: "a removal that failed leaves a callback behind that the next SM_UNMON does not drop",
  },
  {
    file: REMOVAL,
    from: "    if (earlier.length > 0) await Promise.all(earlier);\n",
    to: "",
    reason: "SM_UNMON is acknowledged while earlier removals of the registration go on",
  },
  {
    file: PREPARE,
    from: '  if (!mayRun(settings, run, lock, log, tell, "again")) return 0;\n',
    to: "",
    reason: "two starts at once tell peers two numbers, the older one last",
  },
  {
    file: SERVICE,
    from: "await Promise.all([this.#remove(list.of(requester), requester.myName), ...leaving]);",
    to: "void this.#remove(list.of(requester), requester.myName);",
    reason: "SM_UNMON_ALL is acknowledged before the records are gone",
  },
  {
    file: ENROLMENT,
    from: "if (list.has(record.monName)) directory.add(record.monName);",
    to: "directory.add(record.monName);",
    reason: "a peer is looked up for ever that nobody asks about any more",
  },
  {
    file: ENROLMENT,
    from: "      Object.assign(pending, this.#begin(pending.record));\n",
    to: "",
    reason: "SM_MON is acknowledged although SM_SIMU_CRASH has emptied the list",
  },
  {
    file: ENROLMENT,
    from: "    const acknowledged = () => notices.overtaken(monitored, taken);\n",
    to: "    const acknowledged = NOTHING;\n",
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
    from: 'if (pending.sent !== state) return "a newer state came meanwhile";',
    to: "",
    reason: "a state leaves beside the one that has replaced it while rpcbind was asked",
  },
  {
    file: CALLBACK,
    from: "      if (monitored.deciding !== undefined) await monitored.deciding;\n",
    to: "",
    reason: "a lock manager is told with the cookie of an SM_MON that is refused",
  },
  {
    file: CALLBACK,
    from: "      if (pending.state === state) this.forget(monitored);\n      else ",
    to: "      this.forget(monitored);\n      if (pending.state !== state) ",
    reason: "a state is lost that came while the one before was told",
  },
  {
    file: CALLBACK,
    from: "    this.#failed.clear();\n    this.#pending.clear();",
    to: "    this.#pending.clear();",
    reason: "a retry goes on behind the stop",
  },
  {
    file: CALLBACK,
    from: "          this.#inFlight--;\n",
    to: "",
    reason: "after 64 callbacks there is no room for another",
  },
  {
    file: UNDECIDED,
    from: "await Promise.all(unverified.map((peer) => directory.refresh(peer)));",
    to: "unverified.map(() => true);",
    reason: "a peer with a new address is refused",
  },
  {
    file: UNDECIDED,
    from: "      } finally {\n        this.#asking--;\n",
    to: "      } finally {\n",
    reason: "after 256 undecided notices none is taken any more",
  },
  {
    file: DIRECTORY,
    from: "if (this.#isStopped || !this.#unknown.has(key)) return;",
    to: "if (this.#isStopped) return;",
    reason: "a peer is remembered that was unmonitored during its look-up",
  },
  {
    file: RELEARNING,
    from: "      this.#cancel = undefined;\n",
    to: "",
    reason: "what could not be found is asked for once more only",
  },
  {
    file: DIRECTORY,
    from: "      this.#next = undefined;\n",
    to: "",
    reason: "the second peer is never looked up",
  },
  {
    file: DIRECTORY,
    from: "        this.#inProgress.delete(peer);\n        this.#learnSoon();",
    to: "        this.#inProgress.delete(peer);",
    reason: "the line stands still when four look-ups were under way",
  },
  {
    file: REMOVAL,
    from: "(record) => list.isMadeAnew(record, removed)",
    to: "() => false",
    reason: "B1: a record is deleted that was made anew during the callout",
  },
  {
    file: REMOVAL,
    from: "(record) => list.isMadeAnew(record, removed)",
    to: "(record) => list.has(record.monName)",
    reason: "a record stays that was made anew in other letters",
  },
  {
    file: REMOVAL,
    from: "      if (undecided.length === 0) {",
    to: "      if (undecided.length >= 0) {",
    reason: "SM_UNMON_ALL removes what an SM_MON under way registers",
  },
  {
    file: REMOVAL,
    from: "parts.list.find(monitored.record) ?? monitored)",
    to: "monitored)",
    reason: "SM_UNMON_ALL leaves what SM_SIMU_CRASH has made again meanwhile",
  },
  {
    file: REMOVAL,
    from: "    await store.remove(records,",
    to: "    void store.remove(records,",
    reason: "a removal that fails is acknowledged",
  },
  {
    file: REMOVAL,
    from: "      list.left(monitored, false);\n",
    to: "",
    reason: "a removal that failed is one in memory",
  },
  {
    file: LIST,
    from: "const anew = this.find(record) ?? this.#forgotten.get(key);",
    to: "const anew = this.find(record);",
    reason: "a removal takes what was registered anew before SM_SIMU_CRASH",
  },
  {
    file: LIST,
    from: "const last = anew ?? this.#leaving.get(key)?.monitored;",
    to: "const last = anew;",
    reason: "a removal takes the record of an SM_MON behind it, whose own removal then fails",
  },
  {
    file: LIST,
    from: "    if (monitored.isUncertain) monitored.record = monitored.stored;\n",
    to: "",
    reason: "two removals that fail leave a refused record on the list",
  },
  {
    file: LIST,
    from: "void (monitored.stored ??= before.monitored.stored)",
    to: "{}",
    reason: "two removals that fail leave a record on disk that no SM_UNMON finds",
  },
  {
    file: LIST,
    from: " || isSame(record, last.stored)",
    to: "",
    reason: "a removal takes an acknowledged record while its successor waits for the disk",
  },
  {
    file: "lib/store/peer_files.ts",
    from: "      if (entry.pending > 0) continue;\n",
    to: "",
    reason: "a change in other letters forgets the file that it began with",
  },
  {
    file: "lib/store/peer_files.ts",
    from: "    if (!isDone) entry.isPlain = false;\n",
    to: "",
    reason: "a removal that failed leaves a record in other letters than the next one removes",
  },
  {
    file: NOTICES,
    from: "of [mon_name, address, named]) {",
    to: "of [mon_name, address]) {",
    reason: "a notice by its canonical name is over before a peer monitored by its address has it",
  },
  {
    file: KEPT,
    from: "    this.#memory.flush();\n    this.#memory.tidy();",
    to: "    this.#memory.tidy();",
    reason: "a registration made while the disk fails is told of notices from before it",
  },
  {
    file: NOTICES,
    from: "    if (!isToBeLearned) this.#undecided.learned(peer);\n",
    to: "",
    reason: "a notice is lost whose peer's record could not be read when it came",
  },
  {
    file: NOTICES,
    from: "    this.#undecided.reopen(peer);\n",
    to: "",
    reason: "of several records of a peer that are read late, only the first one's notice is kept",
  },
  {
    file: NOTICES,
    from: "    this.#recall(monitored);\n    // Before",
    to: "    // Before",
    reason: "a registration whose record is read late is told of notices from before it",
  },
  {
    file: NOTICES,
    from: "    if (!isWhole) this.#taken = Math.max(this.#taken, this.parts.clock.wallClock());\n",
    to: "",
    reason: "notices that could not be read at the start concern registrations made since",
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
    from: "    else await this.#session.end();\n",
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
    from: "if (this.#callbacks.forget(monitored) !== undefined) this.#settled(monitored);",
    to: "this.#callbacks.forget(monitored);",
    reason: "lock managers are told again after a restart",
  },
  {
    file: ANNOUNCER,
    from: "    memory.note(key, { ...news, passedOn });\n",
    to: "",
    reason: "B3: what is announced is not remembered as owed",
  },
  {
    file: ANNOUNCER,
    from: "{ ...news, passedOn }",
    to: "news",
    reason: "a restart forgets a state that was passed on once before",
  },
  {
    file: REPLACED,
    from: "    for (const [peer, known] of this.#byPeer) {\n",
    to: "    for (const [peer, known] of [...this.#byPeer].slice(0, 0)) {\n",
    reason: "the states of every peer that was ever announced stay in memory",
  },
  {
    file: REPLACED,
    from: "one.at > now - COPY_MS\n",
    to: "true\n",
    reason: "a peer that was reinstalled, and has had the state before, is never announced",
  },
  {
    file: COMMIT,
    from: "    this.#isRunning = false;\n",
    to: "",
    reason: "the second change is never made",
  },
  {
    file: COMMIT,
    from: "    if (!isDone) this.#startCatchingUp();",
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
    isHarmless: "who has answered has no announcement left to be told",
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
  {
    file: SERVICE,
    from: "else if (leaving !== undefined) await leaving;",
    to: "else if (leaving !== undefined) void leaving;",
    reason: "SM_UNMON is acknowledged while the record is being removed for another call",
  },
  {
    file: ENROLMENT,
    from: "list.find(record) === monitored);",
    to: "list.find(record) === monitored || true);",
    reason: "SM_SIMU_CRASH makes anew what SM_UNMON has taken off",
  },
  {
    file: ENROLMENT,
    from: "=> list.find(record) === monitored)",
    to: "=> list.find(record) === monitored && monitored.record === record)",
    reason: "SM_SIMU_CRASH forgets an SM_MON whose successor then fails",
  },
  {
    file: ENROLMENT,
    from: "      this.#supersede(pending);\n",
    to: "",
    reason:
      "SM_SIMU_CRASH puts an earlier SM_MON in the place of a later one that was acknowledged",
  },
  {
    file: ENROLMENT,
    from: "      (await settled(pending)).acknowledged();\n",
    to: "",
    reason: "SM_MON is acknowledged before it is on disk again behind SM_SIMU_CRASH",
  },
  {
    file: ENROLMENT,
    from: "      this.#underWay.delete(pending);\n",
    to: "",
    reason: "what was acknowledged long ago is registered anew by SM_SIMU_CRASH",
  },
  {
    file: ENROLMENT,
    from: "      this.parts.removed?.(monitored);\n",
    to: "",
    reason: "a lock manager is called whose SM_MON has failed",
  },
  {
    file: ENROLMENT,
    from: "    if (known === undefined) notices.overtaken(monitored, notices.taken, !isNew);\n",
    to: "",
    reason: "a registration is told of a notice from before it",
  },
  {
    file: ENROLMENT,
    from: "notices.taken, !isNew);",
    to: "notices.taken);",
    reason:
      "a notice is lost to a record in an unread file, beside which the disk refuses an SM_MON",
  },
  {
    file: FILES,
    from: '      throw new StoreError("read", path, error);\n',
    to: "      return [];\n",
    reason: "an SM_MON that the disk refuses leaves a second line of its registration",
  },
  {
    file: LIST,
    from: "    if (this.#leaving.get(key)?.monitored !== monitored) return;\n",
    to: "",
    reason: "a removal that failed brings back what a later call has removed",
  },
  {
    file: LIST,
    from: "if (successor !== undefined) successor.stored ??= monitored.stored;",
    to: "",
    reason: "an SM_MON that fails behind a removal that failed takes the record off the list",
  },
  {
    file: LIST,
    from: "latestOf(this.about(record.monName)) ?? remembered",
    to: "remembered",
    reason: "a notice that is sent again is news to a registration made in between",
  },
  {
    file: ENROLMENT,
    from: "known === undefined && store.unread === 0",
    to: "known === undefined",
    reason: "an SM_MON that fails takes a notice from the registration whose record is unread",
  },
  {
    file: "lib/nsm/remembered_news.ts",
    from: "isTheirs && !this.#announced.has(peer)",
    to: "false",
    reason:
      "a registration made while a file is unread is told after a restart what an earlier life owed",
  },
  {
    file: "lib/nsm/remembered_news.ts",
    from: "isTheirs && !this.#announced.has(peer)",
    to: "!this.#announced.has(peer)",
    reason: "a state that was passed on is owed again once all files are read",
  },
  {
    file: UNDECIDED,
    from: "    if (!isOld && list.mayComeBack(directory.known(...kept.aliases))) return;\n",
    to: "",
    reason:
      "a notice ends before a long removal has failed, and the registration that stays is not told",
  },
  {
    file: NOTICES,
    from: " && !mayConcern()",
    to: "",
    reason: "a notice is lost that comes while the only registration is removed, which then stays",
  },
  {
    file: NOTICES,
    from: " && !list.mayComeBack(directory.known(...words))",
    to: "",
    reason:
      "a notice is lost to one name of a host while its registration is removed, which then stays",
  },
  {
    file: ENROLMENT,
    from: "list.remove(monitored) && store.unread === 0",
    to: "list.remove(monitored)",
    reason: "an SM_MON that fails forgets what is owed to a registration whose record is unread",
  },
  {
    file: ENROLMENT,
    from: "list.add(record, directory.remembered(record.monName))",
    to: "list.add(record)",
    reason:
      "a notice that is sent again is news to a registration made while its peer's record is unread",
  },
  {
    file: ENROLMENT,
    from: "    store.dropped(Array.from(list.all(), ({ record }) => record.monName));\n",
    to: "",
    reason: "an SM_MON in other letters behind SM_SIMU_CRASH leaves two records of a registration",
  },
  {
    file: REMOVAL,
    from: "    store.dropped(removed.map(({ record }) => record.monName));\n",
    to: "",
    reason: "an SM_MON in other letters during a callout for SM_UNMON leaves two records",
  },
  {
    file: NOTICES,
    from: "    catchUp(monitored);\n",
    to: "",
    reason: "a record that is read late does not hear of what its peer's other registrations heard",
  },
  {
    file: JUDGE,
    from: "    learnState(monitored, heard, this.parts);\n",
    to: "",
    reason: "registrations behind and before a notice know different states of their peer",
  },
  {
    file: "lib/nsm/state_inquiries.ts",
    from: "if (behind >= asked) return true;",
    to: "if (behind >= asked) return false;",
    reason: "a restart hides the peer's own notice from a registration made while it was asked",
  },
  {
    file: "lib/statd/load_list.ts",
    from: "return known === undefined || known.stored !== undefined;",
    to: "return true;",
    reason:
      "a record that is read while the disk refuses its SM_MON is off the list until a restart",
  },
  {
    file: UNDECIDED,
    from: "ordinal: isSame ? heard.ordinal : when.asked };",
    to: "};",
    reason: "a registration made between a notice and the question is not told what the peer says",
  },
  {
    file: UNDECIDED,
    from: "ordinal: isSame ? heard.ordinal : when.asked };",
    to: "ordinal: when.asked };",
    reason: "a registration is told of a notice from before it, as its peer has confirmed it",
  },
  {
    file: "lib/nsm/administration.ts",
    from: "      announce(monitored, state);\n",
    to: "      announce(monitored, declaredState(monitored.lastState));\n",
    reason: "a declaration tells each requester another state",
  },
  {
    file: ANNOUNCER,
    from: "if (this.catchUp(monitored, dropped) || dropped === undefined) return;",
    to: "if (dropped === undefined) return;",
    reason: "a registration whose removal failed misses what its peer announced meanwhile",
  },
  {
    file: ANNOUNCER,
    from: "    if (isUnread(key)) this.#unsettled.set(key, untold.state);\n    else if",
    to: "    if",
    reason: "a registration in an unread file is not told after a kill",
  },
  {
    file: REMOVAL,
    from: " && store.unread === 0) directory",
    to: ") directory",
    reason: "an SM_UNMON forgets what is owed to another registration in an unread file",
  },
  {
    file: ANNOUNCER,
    from: "    monitored.told = new ToldStates([...others, next]);\n",
    to: "",
    reason: "a state that waited before the one told last is not told before it after a kill",
  },
  {
    file: ANNOUNCER,
    from: "new ToldStates([...others, next])",
    to: "new ToldStates([next, ...others])",
    reason: "a restart repeats a state before what it owes",
  },
  {
    file: TOLD_STATES,
    from: "this.#calls.filter(({ isOver }) => isOver);",
    to: "this.#calls;",
    reason: "of two callbacks that crossed, the state of the first is ignored when it comes again",
  },
  {
    file: TOLD_STATES,
    from: "      this.#calls = this.#calls.filter((one) => !overtaken.includes(one));\n",
    to: "",
    reason: "a state told long ago has another one told again before it",
  },
  {
    file: CALLBACK,
    from: "waiting?.state ?? told?.latest;",
    to: "waiting?.state;",
    reason: "a state that may have been told last is ignored if no other one waits",
  },
  {
    file: NOTICES,
    from: "if (this.#judge.isStopped) return;",
    to: "",
    reason: "what an earlier life has kept is judged behind the stop",
  },
  {
    file: NOTICES,
    from: '      if (this.#judge.isStopped) return "no room";\n',
    to: "",
    reason: "a notice is kept or answered behind the stop",
  },
  {
    file: NOTICES,
    from: "      this.#undecided.drop(it);\n",
    to: "",
    reason: "a notice that is over comes back with each life",
  },
  {
    file: NOTICES,
    from: "    for (const { ordinal } of notices) this.#taken = Math.max(this.#taken, ordinal);\n",
    to: "",
    reason: "what comes now counts as older than what an earlier life has kept",
  },
  {
    file: UNDECIDED,
    from: "if (this.#judge.isStopped || !this.#kept.has(kept)) return;",
    to: "",
    reason: "a notice is judged behind the stop",
  },
  {
    file: UNDECIDED,
    from: "        await judging;\n",
    to: "",
    reason: "a notice is asked for before it is judged by what is known",
  },
  {
    file: UNDECIDED,
    from: "      completed: () => this.#endAllOver(),",
    to: "      completed: () => this.#review(),",
    reason: "names are asked for in a loop",
  },
  {
    file: UNDECIDED,
    from: "      kept.decided.add(peer); // before the await",
    to: "      // before the await",
    reason: "a peer is judged once for each of its names that is learned",
  },
  {
    file: UNDECIDED,
    from: "      this.#cancelReview = undefined;\n",
    to: "",
    reason: "what the name service did not say is asked for once more only",
  },
  {
    file: RELEARNING,
    from: "        this.#allAt = undefined;\n",
    to: "",
    reason: "names are asked for again without a pause",
  },
  {
    file: DIRECTORY,
    from: "    this.#absent.delete(nameKey(monName));\n",
    to: "",
    reason: "a peer whose address was refused is not asked for again soon",
  },
  {
    file: NEWS,
    from: "if (news?.isOwed === true) this.#memory.note(peer, { passedOn: news.lastState });",
    to: "",
    reason: "news of before a reboot of this host is told to who monitors the peer next",
  },
  {
    file: NOTICE_FILE,
    from: 'const isRenewed = tombstones !== "" && this.#isStale && this.#isRead;',
    to: "const isRenewed = false;",
    reason: "what the disk refused to forget comes back",
  },
  {
    file: KEPT,
    from:
      "    for (const monitored of younger) this.overtake(monitored); // written before the notice is\n",
    to: "",
    reason: "a notice whose callout has run concerns a registration made since, after a restart",
  },
  {
    file: KEPT,
    from: "...lower.slice(STATES_MAX)];",
    to: "...lower];",
    reason: "a copy of an earlier notice replaces one that a registration has to be told of",
  },
  {
    file: KEPT,
    from: "return [...found].sort((a, b) => a.heard.ordinal - b.heard.ordinal);",
    to: "return [...found];",
    reason: "of two kept notices the later is judged first, so that younger registrations are told",
  },
  {
    file: UNDECIDED,
    from: "if (!kept.decided.has(peer)) this.learned(peer, host);",
    to: "kept.decided.has(peer);",
    reason: "a later notice whose look-up finds a peer is judged for it before an earlier one",
  },
  {
    file: UNDECIDED,
    from: 'for (const host of sourceCheck() === "enforce" ? [] : hosts) {',
    to: "for (const host of hosts) {",
    reason: "enforce refuses earlier notices of a peer whose addresses are not known yet",
  },
  {
    file: UNDECIDED,
    from: "judging = judging?.then(judge, judge) ?? judge()",
    to: "judging = judge()",
    reason: "of two kept notices the one whose callout ends first is judged first",
  },
  {
    file: KEPT,
    from: "first.state === state && first.ordinal < ordinal && !isNews(first)",
    to: "false && first.state === state && first.ordinal < ordinal && !isNews(first)",
    reason: "a repeat of a kept notice is passed on to registrations made since",
  },
  {
    file: KEPT,
    from: "other.ordinal > first.ordinal && now - keptAt >= COPY_MS",
    to: "other.ordinal > first.ordinal && now < keptAt",
    reason: "a state that a peer has again is taken for a repeat",
  },
  {
    file: KEPT,
    from: "if (!wasBelieved && !this.#memory.flush()) return undefined;",
    to: "if (!wasBelieved) this.#memory.flush();",
    reason: "a notice is answered that is not on disk",
  },
  {
    file: RUN,
    from: "        await sleep(this.#startTimer, START_PAUSE_MS);\n",
    to: "        await undefined;\n",
    reason: "a run that is starting is not waited for",
  },
  {
    file: STORE,
    from: "      return true; // telling a peer twice does no harm\n",
    to: '      throw new Error("stale");\n',
    reason: "B5: an error of the disk ends the turn of a peer",
  },
  {
    file: NOTIFIER,
    from: "      if (!this.#isOver && this.#list.isBusy(peer)) this.#failed(peer, failed);\n",
    to: "      void failed;\n",
    reason: "B5: a peer whose turn failed unforeseen is never told",
  },
  {
    file: TURN,
    from: 'if (peer.addresses.length === 0) fault = await lookUp ?? "";',
    to: 'if (peer.addresses.length === 0) fault = "";',
    reason: "a peer is given up before its name was looked up",
  },
  {
    file: TOLD,
    from: "    if (this.#removals > 0) await",
    to: "    void",
    reason: "the end does not wait for removals",
  },
  {
    file: COMMIT,
    from: "      await this.#gather();\n",
    to: "",
    reason: "changes that come together are synced one by one",
  },
  {
    file: STOPS,
    from: "await Promise.race([stop(), late]);",
    to: "await stop();",
    reason: "B7: a stop waits for ever",
  },
  {
    file: STREAMS,
    from: "    await Promise.all(this.#running);\n",
    to: "",
    reason: "the stop leaves connections behind",
    isHarmless: "each is closed before, and what reads from it ends in the turns that follow",
  },
  {
    file: ACTIONS,
    from: "if (concerned.length > 0) await settled.promise;",
    to: "",
    reason: "nsmctl is told before the lock managers have answered",
  },
];
