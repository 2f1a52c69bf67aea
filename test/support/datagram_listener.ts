/** Unix datagram socket in a throw-away host, in place of the service manager or the log daemon. */

import type { TestHost } from "./namespace.ts";
import { inTime } from "./patience.ts";

export class DatagramListener implements Disposable {
  /** All messages so far. */
  readonly messages: string[] = [];
  readonly #socket: Deno.DatagramConn;
  #wake = () => {};

  /** Listens at a path of the host, writable for every user. */
  constructor(host: TestHost, path: string) {
    const outside = host.path(path);
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path: outside });
    Deno.chmodSync(outside, 0o666);
    void this.#receive();
  }

  /** Waits for a matching message, also among those already received. */
  async message(like: RegExp): Promise<string> {
    const find = () => this.messages.find((message) => like.test(message));
    const wait = async () => {
      for (let found = find();; found = find()) {
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    };
    return await inTime(`message like ${like}`, wait());
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  async #receive(): Promise<void> {
    for await (const [bytes] of this.#socket) {
      this.messages.push(new TextDecoder().decode(bytes));
      this.#wake();
    }
  }
}
