/** Clock of a file system, as the times of its files show it. */

import { eventually } from "./patience.ts";

/** Waits for the next tick: a later change of a file has a later time. */
export async function nextTick(directory: string): Promise<void> {
  const path = `${directory}/tick`;
  const touched = () => {
    Deno.writeTextFileSync(path, "");
    return Deno.statSync(path).ctime!.getTime();
  };
  const before = touched();
  await eventually("the file system's clock goes on", () => touched() !== before);
}
