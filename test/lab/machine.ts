/** Machine of the lab: a user-mode-linux kernel, and commands executed in it by an agent. */

/** Common properties of a lab's machines. */
export interface Lab {
  /** Folder filled by `prepare`. */
  readonly cache: string;
  /** Folder of this run, for consoles, disks and the switch; `/host` in the guests, read-only. */
  readonly out: string;
}

/** Timeout of a boot, in ms. */
const BOOT_MS_MAX = 300_000;
const COMMAND_MS_MAX = 300_000;
/** Timeout of events in a machine, in ms, and the polling interval. */
const PATIENCE_MS = 240_000;
const LOOK_PAUSE_MS = 250;
const MEMORY = "1G";
const READY = "agent ready ";
const DONE = "agent done ";

/** Exit status and output of a command, including standard error. */
export interface Result {
  readonly code: number;
  readonly text: string;
}

interface Waiting {
  readonly start: string;
  readonly resolve: (rest: string) => void;
  readonly reject: (error: Error) => void;
}

function toBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function fromBase64(text: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));
}

export class Machine {
  #boots = 0;
  #commands = 0;
  #kernel: Deno.ChildProcess | undefined;
  #input: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #waiting: Waiting | undefined;
  /** Lines that arrived before they were awaited. */
  #early: string[] = [];

  constructor(
    private readonly lab: Lab,
    readonly name: string,
    readonly address: string,
    /** Initial image of the machine's own disk. */
    private readonly image = `${lab.cache}/root.ext4`,
    /** Disk shared with other machines, besides its own disk. */
    private readonly sharedDisk?: string,
  ) {}

  /** Starts the kernel, and waits until its agent answers; all units may not have started yet. */
  async boot(): Promise<void> {
    this.#boots++;
    const { cache, out } = this.lab;
    const host = Number(this.address.split(".").at(-1));
    this.#kernel = new Deno.Command("setsid", {
      args: [
        `${cache}/host/usr/bin/linux.uml`,
        `mem=${MEMORY}`,
        `ubd0=${out}/${this.name}.cow,${this.image}`,
        ...(this.sharedDisk === undefined ? [] : [`ubd1c=${this.sharedDisk}`]),
        "root=/dev/ubda",
        "rw",
        `uml_dir=${out}/uml`,
        `umid=${this.name}${this.#boots}`,
        "con=null",
        "con0=null,fd:2",
        "ssl=null",
        "ssl0=fd:0,fd:1",
        `eth0=daemon,52:54:00:4e:00:0${host},unix,${out}/switch`,
        "panic=1",
        "systemd.show_status=0",
        "systemd.log_target=journal",
        `lab_address=${this.address}`,
        `lab_name=${this.name}`,
      ],
      // The guest's memory is a file there.
      env: { TMPDIR: "/dev/shm" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#kernel.stdin.getWriter();
    this.#early = [];
    this.#kernel.stderr.pipeTo(
      (await Deno.open(`${out}/${this.name}.console`, { append: true, create: true })).writable,
    ).catch(() => {});
    this.#listen(this.#kernel).catch(() => {});
    await this.#line(READY, BOOT_MS_MAX);
    await this.run(`mount -t hostfs -o ${out},ro none /host`);
  }

  async #listen(kernel: Deno.ChildProcess): Promise<void> {
    let rest = "";
    for await (const chunk of kernel.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#take(line.trim());
    }
    if (this.#kernel === kernel) {
      this.#waiting?.reject(new Error(`${this.name}: the kernel is gone`));
    }
  }

  #take(line: string): void {
    const waiting = this.#waiting;
    if (waiting && line.startsWith(waiting.start)) {
      this.#waiting = undefined;
      waiting.resolve(line.slice(waiting.start.length));
    } else if (line.startsWith(READY)) {
      this.#early.push(line);
    }
  }

  /** Rest of the next line with this start. */
  #line(start: string, timeout: number): Promise<string> {
    const early = this.#early.findIndex((line) => line.startsWith(start));
    if (early >= 0) return Promise.resolve(this.#early.splice(early, 1)[0]!.slice(start.length));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting = undefined;
        reject(new Error(`${this.name}: no "${start}" in ${timeout} ms`));
      }, timeout);
      this.#waiting = {
        start,
        resolve: (rest) => (clearTimeout(timer), resolve(rest)),
        reject: (error) => (clearTimeout(timer), reject(error)),
      };
    });
  }

  async result(command: string, timeout = COMMAND_MS_MAX): Promise<Result> {
    const number = ++this.#commands;
    const reply = this.#line(`${DONE}${number} `, timeout);
    await this.#input!.write(new TextEncoder().encode(`${number} ${toBase64(command)}\n`));
    const [code, text = ""] = (await reply).split(" ");
    return { code: Number(code), text: fromBase64(text).trim() };
  }

  /** Output of a command. @throws {Error} When it fails. */
  async run(command: string, timeout?: number): Promise<string> {
    const { code, text } = await this.result(command, timeout);
    if (code !== 0) throw new Error(`${this.name}: "${command}" ended with ${code}: ${text}`);
    return text;
  }

  /** Resolves when a command succeeds, with its output. */
  async until(what: string, command: string): Promise<string> {
    const deadline = performance.now() + PATIENCE_MS;
    while (true) {
      const { code, text } = await this.result(command);
      if (code === 0) return text;
      if (performance.now() > deadline) {
        throw new Error(`${this.name}: it never came about that ${what}: ${text}`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_PAUSE_MS));
    }
  }

  /** Waits until all jobs of systemd have ended. */
  async settled(): Promise<void> {
    await this.until("has booted", "systemctl is-system-running | grep -Ex 'running|degraded'");
  }

  /** Reboots by systemd. */
  async reboot(): Promise<void> {
    const ready = this.#line(READY, BOOT_MS_MAX);
    const number = ++this.#commands;
    await this.#input!.write(
      new TextEncoder().encode(`${number} ${toBase64("systemctl --no-block reboot")}\n`),
    );
    await ready;
    await this.run(`mount -t hostfs -o ${this.lab.out},ro none /host`);
  }

  /** Cuts the power: unsynced data is lost. */
  async cutPower(): Promise<void> {
    const kernel = this.#kernel;
    this.#kernel = undefined;
    if (!kernel) return;
    // The kernel has a process for each of the guest's, all in one group.
    await new Deno.Command("kill", { args: ["-KILL", "--", `-${kernel.pid}`], stderr: "null" })
      .output();
    await kernel.status;
    await this.#input!.close().catch(() => {});
  }
}
