// How pages look to everybody: light, dark, on a phone, by keys alone, without motion; and many points.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { BrowserContextOptions } from "playwright-core";
import { assertAccessible, openWholeJob } from "./accessibility.ts";
import { call, create, flowOf, picture, untilPointsOf, untilState, untilStep, visit } from "./pages.ts";
import { setting } from "./setting.ts";

let job = "";
const here = setting([], async (daemon) => {
  job = await create(daemon, flowOf("For everybody", 6));
});
const { daemon } = here;

const phone: BrowserContextOptions = {
  colorScheme: "light",
  viewport: { width: 390, height: 844 },
  hasTouch: true,
  isMobile: true,
  deviceScaleFactor: 2,
};
const looks: readonly (readonly [string, BrowserContextOptions])[] = [
  ["light", { colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
  ["phone", phone],
];

test("a job's page on a phone", async () => {
  const page = await openWholeJob(here.browser, daemon, job, phone);
  await picture(page, "job-phone");
  await assertAccessible(page);
  await page.context().close();
});

test("the page of a job that runs fits a phone, however much its line tells", async () => {
  const slow = { solver: { swJko: { innerIterations: 2000, numProjections: 20, batchSize: 100, maxAttempts: 1 } } };
  const runs = await create(daemon, flowOf("Runs on", 10_000, slow));
  const { page } = await visit(here.browser, `${daemon.page}#/${runs}`, phone);
  await untilStep(page, 1);
  await page.locator(".progress-line", { hasText: /10000 steps, step \d+: \d+\/2000, about \d+:\d\d:\d\d left/ }).waitFor();
  await picture(page, "job-running-phone");
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.equal(window, 390);
  assert.ok((content ?? 0) <= 390, `the page is ${content} wide`);
  await call(daemon, "JobService/CancelJob", { name: runs });
  await untilState(page, "CANCELLED");
  await page.context().close();
});

for (const [look, options] of looks) {
  describe(`in ${look}`, () => {
    test("the jobs", async () => {
      const { page } = await visit(here.browser, `${daemon.page}#/jobs`, options);
      await page.locator(".sparkline").first().waitFor();
      await picture(page, `jobs-${look}`);
      await assertAccessible(page);
      await page.context().close();
    });

    test("a new job", async () => {
      const { page } = await visit(here.browser, `${daemon.page}#/new?example=expression`, options);
      await page.locator(".formula-values").nth(1).waitFor();
      await page.locator(".verdict .good").waitFor();
      await page.getByText("The job as a file").click();
      await picture(page, `new-${look}`);
      await assertAccessible(page);
      await page.context().close();
    });
  });
}

test("keys alone go from the jobs to a step of one and fork it", async () => {
  const { page } = await visit(here.browser, `${daemon.page}#/jobs`);
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
  const { page } = await visit(here.browser, `${daemon.page}#/${job}`, { reducedMotion: "reduce" });
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
  const { page } = await visit(here.browser, `${daemon.page}#/${many}`);
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
  const { page } = await visit(here.browser, `${daemon.page}#/${job}`);
  await untilPointsOf(page, 6);
  const paints = await page.evaluate(() =>
    performance.getEntriesByType("paint").map((entry) => `${entry.name} ${entry.startTime.toFixed(0)} ms`),
  );
  assert.ok(paints.length > 0);
  context.diagnostic(paints.join(", "));
  await page.context().close();
});
