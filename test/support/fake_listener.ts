/** TCP listener without a network, with connections whose remote end may stop reading. */

import type { StreamListener } from "../../lib/net/tcp.ts";
import type { Endpoint, StreamConnection } from "../../lib/rpc/transport.ts";
import { FakeConnection } from "./fake_sockets.ts";

/** Connection whose writes block while {@link holdWrites} is in force. */
export class HeldConnection extends FakeConnection {
  #held: PromiseWithResolvers<void> | undefined;

  /** The remote end stops reading. As with a real socket, close() does not end a blocked write. */
  holdWrites(): void {
    this.#held ??= Promise.withResolvers();
  }

  /** The remote end resumes reading. */
  releaseWrites(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  override async write(data: Uint8Array): Promise<void> {
    await this.#held?.promise;
    return super.write(data);
  }
}

export class FakeListener implements StreamListener {
  readonly local: Endpoint = { address: "::", port: 700 };
  isClosed = false;
  readonly #arrived: (HeldConnection | Error)[] = [];
  #wake = () => {};

  /** A remote end connects. */
  connect(address: string, port = 1_023): HeldConnection {
    const connection = new HeldConnection({ address, port });
    this.#arrive(connection);
    return connection;
  }

  /** Makes the next accept() fail. */
  fail(error: Error): void {
    this.#arrive(error);
  }

  async accept(): Promise<StreamConnection> {
    while (this.#arrived.length === 0) {
      if (this.isClosed) throw new Deno.errors.BadResource("Listener has been closed");
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const next = this.#arrived.shift()!;
    if (next instanceof Error) throw next;
    return next;
  }

  close(): void {
    this.isClosed = true;
    this.#wake();
  }

  #arrive(what: HeldConnection | Error): void {
    this.#arrived.push(what);
    this.#wake();
  }
}
