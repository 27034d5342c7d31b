// For everybody: contrast, names, keys, small screens, motion; and many points.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { Daemon } from "./daemon.ts";
import { create, flowOf, openBrowser, picture, programs, untilPointsOf, untilState, visit } from "./pages.ts";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let browser: Browser;
const daemon = new Daemon(programs);
let job = "";

before(async () => {
  await daemon.start();
  browser = await openBrowser();
  job = await create(daemon, flowOf("For everybody", 6));
});
after(async () => {
  await browser.close();
  await daemon.close();
});

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

const looks: readonly (readonly [string, BrowserContextOptions])[] = [
  ["light", { colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
  ["phone", { colorScheme: "light", viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }],
];

async function fitsWidth(page: Page): Promise<void> {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok((content ?? 0) <= (window ?? 0), `the page is ${content} wide in a window of ${window}`);
}

for (const [look, options] of looks) {
  describe(`in ${look}`, () => {
    test("a job's page", async () => {
      const { page } = await visit(browser, `${daemon.page}#/${job}`, options);
      await untilState(page, "SUCCEEDED");
      await untilPointsOf(page, 6);
      for (const summary of await page.locator("details:not(.keys) summary").all()) await summary.click();
      await page.locator(".figures-table table").first().waitFor();
      await picture(page, `job-${look}`);
      assert.deepEqual(await violations(page), []);
      await fitsWidth(page);
      await page.context().close();
    });

    test("the jobs", async () => {
      const { page } = await visit(browser, `${daemon.page}#/jobs`, options);
      await page.locator(".sparkline").first().waitFor();
      await picture(page, `jobs-${look}`);
      assert.deepEqual(await violations(page), []);
      await fitsWidth(page);
      await page.context().close();
    });

    test("a new job", async () => {
      const { page } = await visit(browser, `${daemon.page}#/new?example=expression`, options);
      await page.locator(".formula-values").nth(1).waitFor();
      await page.locator(".verdict .good").waitFor();
      await page.getByText("The job as a file").click();
      await picture(page, `new-${look}`);
      assert.deepEqual(await violations(page), []);
      await fitsWidth(page);
      await page.context().close();
    });
  });
}

test("keys alone go from the jobs to a step of one and fork it", async () => {
  const { page } = await visit(browser, `${daemon.page}#/jobs`);
  const link = page.getByRole("link", { name: "For everybody" });
  await link.waitFor();
  for (let i = 0; i < 30 && !(await link.evaluate((element) => element === document.activeElement)); i += 1)
    await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await untilPointsOf(page, 6);
  await page.keyboard.press("Home");
  await untilPointsOf(page, 0);
  await page.keyboard.press(".");
  await untilPointsOf(page, 1);
  await page.keyboard.press("l");
  await untilPointsOf(page, 6);
  await page.keyboard.press(",");
  await untilPointsOf(page, 5);
  await page.keyboard.press("f");
  await page.getByRole("heading", { name: `Fork ${job} at step 5` }).waitFor();
  await page.context().close();
});

test("points jump from step to step where motion is not wanted", async () => {
  const { page } = await visit(browser, `${daemon.page}#/${job}`, { reducedMotion: "reduce" });
  await untilPointsOf(page, 6);
  await page.keyboard.press("Home");
  await untilPointsOf(page, 0);
  const at = async () => await page.locator(".points").screenshot();
  assert.deepEqual(await at(), await at());
  await page.context().close();
});

test("a hundred thousand points are drawn, moved and played", async (context) => {
  const count = 100_000;
  const many = await create(daemon, {
    displayName: "Many points",
    spec: {
      dimension: 2,
      functional: { terms: [{ potential: { doubleWell: {} } }] },
      solver: { eulerMaruyama: { innerIterations: 5 } },
      model: { particles: { count } },
      schedule: { stepSize: 0.05, numSteps: 8 },
      output: { samplesPerStep: count, checkpointEvery: 8 },
    },
  });
  const { page } = await visit(browser, `${daemon.page}#/${many}`);
  await untilState(page, "SUCCEEDED");
  await page.locator(".caption", { hasText: "100,000 points of step 8" }).waitFor();
  await picture(page, "many-points");
  await page.keyboard.press("Home");
  await untilPointsOf(page, 0);
  const session = await page.context().newCDPSession(page);
  // Of the thread's own time, so that what else the machine does is not counted.
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const work = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    const of = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? 0;
    return 1000 * (of("ScriptDuration") + of("LayoutDuration") + of("RecalcStyleDuration"));
  };
  const framesOf = async (act: () => Promise<void>) => {
    await page.evaluate(() => {
      const counter = window as unknown as { frames: number; counting: boolean };
      counter.frames = 0;
      counter.counting = true;
      const next = () => {
        counter.frames += 1;
        if (counter.counting) requestAnimationFrame(next);
      };
      requestAnimationFrame(next);
    });
    const before = await work();
    await act();
    const spent = (await work()) - before;
    const frames = await page.evaluate(() => {
      const counter = window as unknown as { frames: number; counting: boolean };
      counter.counting = false;
      return counter.frames;
    });
    return { frames, perFrame: spent / Math.max(1, frames) };
  };

  const uploads = async () => Number(await page.locator(".points canvas").getAttribute("data-uploads"));
  const before = await uploads();
  const box = await page.locator(".points").boundingBox();
  assert.ok(box !== null);
  const panning = await framesOf(async () => {
    await page.mouse.move(box.x + 300, box.y + 200);
    await page.mouse.down();
    await page.mouse.move(box.x + 420, box.y + 260, { steps: 60 });
    await page.mouse.up();
  });
  assert.equal(await uploads(), before, "moving the camera sends no points");
  await page.getByLabel("Speed").selectOption("4");
  const playing = await framesOf(async () => {
    await page.keyboard.press("p");
    await untilPointsOf(page, 8);
  });
  assert.ok((await uploads()) <= before + 9, "each step is sent once");
  const text = (each: { frames: number; perFrame: number }) => `${each.perFrame.toFixed(2)} ms of work a frame over ${each.frames} frames`;
  context.diagnostic(`panning: ${text(panning)}`);
  context.diagnostic(`playing: ${text(playing)}`);
  await page.context().close();
});

test("first paint", async (context) => {
  const { page } = await visit(browser, `${daemon.page}#/${job}`);
  await untilPointsOf(page, 6);
  const paints = await page.evaluate(() =>
    performance.getEntriesByType("paint").map((entry) => `${entry.name} ${entry.startTime.toFixed(0)} ms`),
  );
  assert.ok(paints.length > 0);
  context.diagnostic(paints.join(", "));
  await page.context().close();
});
