import { assertEquals, assertMatch } from "@std/assert";
import "../support/open_libc.ts";
import { ServiceManager } from "../../lib/platform/sd_notify.ts";

Deno.test("ServiceManager reports the state of the service", async () => {
  const folder = Deno.makeTempDirSync();
  const manager = Deno.listenDatagram({ transport: "unixpacket", path: `${folder}/notify` });
  const service = new ServiceManager(`${folder}/notify`);
  const received = async () => new TextDecoder().decode((await manager.receive())[0]);
  service.ready("Serving");
  assertEquals(await received(), "READY=1\nSTATUS=Serving");
  service.status("forged?\nREADY=1");
  assertEquals(await received(), "STATUS=forged? READY=1");
  service.reloading();
  const [, uptime] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(await received())!;
  // both clocks count from boot, but one stands still while the machine sleeps
  const seconds = Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]);
  assertEquals(Number(uptime) / 1e6 <= seconds + 1, true);
  service.stopping();
  assertMatch(await received(), /^STOPPING=1$/);
  manager.close();
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("ServiceManager reaches an abstract address", () => {
  const name = `nsm-test-${Deno.pid}`;
  const receive = bindAbstract(name);
  new ServiceManager(`@${name}`).stopping();
  assertEquals(receive(), "STOPPING=1");
});

/**
 * Binds an abstract socket address, which Deno lacks; the returned function takes the next
 * datagram.
 */
function bindAbstract(name: string): () => string {
  const library = Deno.dlopen("libc.so.6", {
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i64" },
    close: { parameters: ["i32"], result: "i32" },
  });
  const c = library.symbols;
  const address = new TextEncoder().encode(`\x01\0\0${name}`);
  const fd = c.socket(1, 2, 0);
  assertEquals(c.bind(fd, address, address.length), 0);
  return () => {
    const data = new Uint8Array(100);
    const length = Number(c.recv(fd, data, 100n, 0x40 /* MSG_DONTWAIT */));
    c.close(fd);
    library.close();
    return new TextDecoder().decode(data.subarray(0, length));
  };
}

Deno.test("ServiceManager is silent without NOTIFY_SOCKET", () => {
  new ServiceManager(undefined).ready("Serving");
  new ServiceManager("/nonexistent").ready("Serving");
  new ServiceManager("vsock:2:1234").reloading();
});
