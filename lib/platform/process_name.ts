/**
 * The name by which pgrep, killall, pidof and ps know this process, where the path that was executed has
 * another one: `rpc.statd --role=sm-notify` becomes `sm-notify`. The kernel has it twice, as the thread's
 * name (comm) and as the first argument (cmdline).
 *
 * Source: proc_pid_comm(5), proc_pid_cmdline(5), proc_pid_stat(5).
 */

/** Fields of /proc/PID/stat behind the name, from the third on: where the arguments are in memory. */
const ARG_START_FIELD = 48 - 3;
const ARG_END_FIELD = 49 - 3;

/** Takes a name and leaves the arguments as they are; where the kernel refuses, the old name stays. */
export function takeName(name: string, args: readonly string[]): void {
  try {
    Deno.writeTextFileSync("/proc/self/comm", name);
    const stat = Deno.readTextFileSync("/proc/self/stat");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
    const [start = 0, end = 0] = [fields[ARG_START_FIELD], fields[ARG_END_FIELD]];
    const text = new TextEncoder().encode([name, ...args, ""].join("\0"));
    if (start === 0 || text.length > end - start) return;
    const area = new Uint8Array(end - start); // zeros behind the text
    area.set(text);
    using memory = Deno.openSync("/proc/self/mem", { write: true });
    memory.seekSync(start, Deno.SeekMode.Start);
    memory.writeSync(area);
  } catch {
    // The name only matters to people and tools that list processes.
  }
}
