// For everybody: contrast, names and roles, and pages that fit their window.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import type { Daemon } from "./daemon.ts";
import { untilPointsOf, untilState, visit } from "./pages.ts";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface AxeWindow {
  readonly axe: {
    run: (options: unknown) => Promise<{ violations: { id: string; nodes: { target: unknown; failureSummary: string }[] }[] }>;
  };
}

async function violations(page: Page): Promise<string[]> {
  // Through the debugger, since the page's policy takes no script from elsewhere.
  await page.evaluate(axeSource);
  return await page.evaluate(async () => {
    const rules = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
    const { violations } = await (window as unknown as AxeWindow).axe.run(rules);
    return violations.flatMap((each) => each.nodes.map((node) => `${each.id}: ${JSON.stringify(node.target)}: ${node.failureSummary}`));
  });
}

export async function assertAccessible(page: Page): Promise<void> {
  assert.deepEqual(await violations(page), []);
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok((content ?? 0) <= (window ?? 0), `the page is ${content} wide in a window of ${window}`);
}

// The page of a job of six steps, with all that can be opened open.
export async function openWholeJob(browser: Browser, daemon: Daemon, job: string, options: BrowserContextOptions): Promise<Page> {
  const { page } = await visit(browser, `${daemon.page}#/${job}`, options);
  await untilState(page, "SUCCEEDED");
  await untilPointsOf(page, 6);
  for (const summary of await page.locator("details:not(.keys) summary").all()) await summary.click();
  await page.locator(".figures-table table").first().waitFor();
  return page;
}
