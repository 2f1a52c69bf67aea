/**
 * Process name for pgrep, killall, pidof and ps, where the executed path has another one:
 * `rpc.statd --role=sm-notify` becomes `sm-notify`. The kernel stores it twice, as the thread's
 * name (comm) and as the first argument (cmdline).
 *
 * Source: proc_pid_comm(5), proc_pid_cmdline(5), proc_pid_stat(5).
 */

/** Fields of /proc/PID/stat after the name, counted from the third: the memory range of the arguments. */
const ARG_START_FIELD = 48 - 3;
const ARG_END_FIELD = 49 - 3;

/**
 * Sets the name and the arguments; only the name where they do not fit. If the kernel refuses, the old
 * name stays.
 */
export function takeName(name: string, args: readonly string[]): void {
  try {
    Deno.writeTextFileSync("/proc/self/comm", name);
    const stat = Deno.readTextFileSync("/proc/self/stat");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
    const [start = 0, end = 0] = [fields[ARG_START_FIELD], fields[ARG_END_FIELD]];
    const text = [[name, ...args], [name]]
      .map((words) => new TextEncoder().encode(`${words.join("\0")}\0`))
      .find(({ length }) => length <= end - start);
    if (start === 0 || text === undefined) return;
    const area = new Uint8Array(end - start); // zeros after the text
    area.set(text);
    using memory = Deno.openSync("/proc/self/mem", { write: true });
    memory.seekSync(start, Deno.SeekMode.Start);
    memory.writeSync(area);
  } catch {
    // The name matters only to people and process tools.
  }
}
