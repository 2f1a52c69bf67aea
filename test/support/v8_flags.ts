/** V8 flags of the compiled product, for other programs that are to match it. */

const SCRIPT = new URL("../../install.sh", import.meta.url).pathname;

/** Option of `deno compile` with `v8_flags` of install.sh. */
export function v8Flags(): string {
  const [, list] = /^v8_flags=\(\n(.*?)^\)/ms.exec(Deno.readTextFileSync(SCRIPT)) ?? [];
  if (list === undefined) throw new Error(`${SCRIPT} does not say the flags`);
  const flags = list.replaceAll(/#.*/g, "").trim().split(/\s+/);
  return `--v8-flags=${flags.join(",")}`;
}
