/**
 * States that a lock manager may have been told last, of which it ignores a repetition. A call takes
 * effect at some time between its departure and its answer, so that the order of calls that were in
 * flight together is not known, even when all are answered.
 */

/** Limit of states, in number. Peers seldom boot twice while a lock manager is away. */
const STATES_MAX = 8;

/** Adds a state to those that may have been told; the oldest one of too many goes. */
export function withState(states: readonly number[], state: number): readonly number[] {
  return states.includes(state) ? states : [...states, state].slice(-STATES_MAX);
}

interface Call {
  readonly state: number;
  /** Answered, failed, or of an earlier process. */
  isOver: boolean;
}

export class ToldStates {
  /** Calls in the order of departure. */
  #calls: readonly Call[];

  /** `states`: told by an earlier process, the latest one last. */
  constructor(states: readonly number[] = []) {
    this.#calls = states.map((state) => ({ state, isOver: true }));
  }

  get all(): number[] {
    return this.#calls.map(({ state }) => state);
  }

  /** State of the latest call. */
  get latest(): number | undefined {
    return this.#calls.at(-1)?.state;
  }

  has(state: number): boolean {
    return this.#calls.some((one) => one.state === state);
  }

  /**
   * Notes a call that tells a state and has just left; settles as the call does. Its answer overtakes
   * the calls that were over when it left.
   */
  async during(state: number, telling: Promise<unknown>): Promise<void> {
    const overtaken = this.#calls.filter(({ isOver }) => isOver);
    const call = { state, isOver: false };
    const others = this.#calls.filter((one) => one.state !== state || !one.isOver);
    this.#calls = [...others, call].slice(-STATES_MAX);
    try {
      await telling;
      this.#calls = this.#calls.filter((one) => !overtaken.includes(one));
    } finally {
      call.isOver = true;
    }
  }
}
