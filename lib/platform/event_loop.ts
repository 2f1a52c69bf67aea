/**
 * The turns of the runtime's event loop.
 *
 * Promises that are settled at once never leave a turn, and neither does the runtime's own way to take
 * datagrams while there are any. What another thread or a message port has to say does not help either:
 * under load the loop hears of it some sixty times before it asks the system about sockets and timers.
 * What comes from a socket can only be heard of then, so we send ourselves a datagram, which takes
 * fifteen microseconds; a timer would take two milliseconds.
 *
 * Source: tokio's scheduler for one thread (`event_interval`); measured with Deno 2.7.11.
 */

/** A timer ends the turn where nothing can be sent to ourselves, in ms: as short as they come. */
const FALLBACK_MS = 1;

/** Sends datagrams to itself. The receive that is always under way is not settled before the next turn. */
class Echo {
  readonly #socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  #number = 0;
  #heard = (_number: number) => {};

  constructor() {
    this.#listen().catch(() => {}); // the timer goes on without it
  }

  /** Settles when the datagram that it sends has come back. */
  async call(): Promise<void> {
    const number = this.#number = (this.#number + 1) % 256;
    const isBack = new Promise<void>((resolve) => {
      // Earlier ones may come late.
      this.#heard = (heard) => heard === number ? resolve() : undefined;
    });
    await this.#socket.send(new Uint8Array([number]), this.#socket.addr);
    await isBack;
  }

  async #listen(): Promise<void> {
    for (;;) {
      const [data] = await this.#socket.receive(new Uint8Array(1));
      this.#heard(data[0]!);
    }
  }
}

let echo: Echo | undefined;
let turn: Promise<void> | undefined;

/** Settles when whatever is ready has had its turn: sockets, timers, and the results of other threads. */
export function nextTurn(): Promise<void> {
  return turn ??= takeTurn().finally(() => turn = undefined);
}

async function takeTurn(): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  const timer = setTimeout(timeout.resolve, FALLBACK_MS);
  echo ??= new Echo();
  await Promise.race([echo.call().catch(() => timeout.promise), timeout.promise]);
  clearTimeout(timer);
}
