/**
 * The page of `nsmctl report` in a browser: accessible by the rules of axe-core, in light and dark, not
 * wider than a phone, and without a request to any network. Skipped without chromium and axe-core.
 */

import { assertEquals, assertNotEquals } from "@std/assert";
import { reportPage } from "../../lib/nsmctl/report_page.ts";
import { sampleReport } from "../support/report_sample.ts";

const CHROMIUM = "/usr/bin/chromium";
const AXE = new URL("../../.toolchain/axe-core/axe.min.js", import.meta.url);
/** Timeout of the browser, in ms. */
const LIMIT_MS = 60_000;

const missing = [CHROMIUM, AXE].filter((path) => !isThere(path)).map(String);

interface Seen {
  readonly violations: readonly string[];
  readonly width: number;
  readonly window: number;
  readonly background: string;
  readonly loaded: number;
}

for (const scheme of ["light", "dark"] as const) {
  const reason = missing.length === 0 ? "" : ` (skipped: no ${missing.join(", ")})`;
  Deno.test(`the report is accessible on a phone in ${scheme} mode${reason}`, {
    ignore: missing.length > 0,
  }, async () => {
    const seen = await look(reportPage(sampleReport()), scheme);
    assertEquals(seen.violations, []);
    assertEquals(seen.loaded, 0);
    assertEquals(seen.width <= seen.window, true, `${seen.width} > ${seen.window}`);
    assertEquals(seen.background === "rgb(255, 255, 255)", scheme === "light");
  });
}

Deno.test(
  "the accessibility check finds planted faults",
  { ignore: missing.length > 0 },
  async () => {
    const page = reportPage(sampleReport()).replace('lang="en"', "").replace(
      "--faint: #555b66",
      "--faint: #ddd",
    );
    assertNotEquals((await look(page, "light")).violations, []);
  },
);

/** Opens a page in a browser, and checks it by axe-core. */
async function look(page: string, scheme: "light" | "dark"): Promise<Seen> {
  const folder = await Deno.makeTempDir();
  try {
    const script = `axe.run().then(({ violations }) => {
      const pre = document.createElement("pre");
      pre.id = "seen";
      pre.textContent = JSON.stringify({
        violations: violations.map(({ id, nodes }) => id + ": " + nodes[0].html.slice(0, 200)),
        width: window.scrollWidthBefore,
        window: document.documentElement.clientWidth,
        background: getComputedStyle(document.body).backgroundColor,
        loaded: performance.getEntriesByType("resource").length,
      });
      document.body.append(pre);
    });`;
    // The page forbids scripts; only the tool may run one.
    const open = page.replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, "");
    const axe = await Deno.readTextFile(AXE);
    const tool =
      `<script>window.scrollWidthBefore = document.documentElement.scrollWidth;</script>` +
      `<script>${axe}</script><script>${script}</script>`;
    const at = open.lastIndexOf("</body>");
    await Deno.writeTextFile(`${folder}/page.html`, open.slice(0, at) + tool + open.slice(at));
    const { stdout } = await new Deno.Command(CHROMIUM, {
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        `--user-data-dir=${folder}/profile`,
        "--window-size=360,900",
        `--blink-settings=preferredColorScheme=${scheme === "dark" ? 0 : 1}`,
        "--virtual-time-budget=30000",
        "--dump-dom",
        `file://${folder}/page.html`,
      ],
      env: { HOME: folder },
      stderr: "null",
      signal: AbortSignal.timeout(LIMIT_MS),
    }).output();
    const dom = new TextDecoder().decode(stdout);
    const [, text = ""] = /<pre id="seen">(.*?)<\/pre>/s.exec(dom) ?? [];
    return JSON.parse(
      text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&"),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function isThere(path: string | URL): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
