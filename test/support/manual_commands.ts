/** Literal blocks of a manual page, as a reader copies them. */

const PAGES = new URL("../../conf/", import.meta.url);

/** Texts of the blocks below a heading `.Sh` or `.Ss`. */
export async function literalBlocks(page: string, heading: string): Promise<string[]> {
  const text = await Deno.readTextFile(new URL(page, PAGES));
  const from = text.search(new RegExp(`^\\.S[hs] ${heading}$`, "m"));
  if (from < 0) throw new Error(`${page} has no heading ${heading}`);
  const section = text.slice(from + 1).split(/^\.S[hs] /m, 2).at(0) ?? "";
  const below = section.slice(section.indexOf("\n"));
  return [...below.matchAll(/^\.Bd -literal.*\n([^]*?)^\.Ed$/gm)]
    .map(([, block]) =>
      block!.replaceAll("\\e", "\\").replaceAll("\\&", "").replaceAll("\\-", "-")
    );
}
