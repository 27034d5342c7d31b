// Several jobs on one page.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { assertAccessible } from "./accessibility.ts";
import type { Daemon } from "./daemon.ts";
import { create, flowOf, leave, picture, visit } from "./pages.ts";
import { setting } from "./setting.ts";

const jobs: string[] = [];

// Flows of one potential to one end, in steps of different lengths.
async function start(on: Daemon, title: string, steps: number, stepSize: number, more: Record<string, unknown> = {}): Promise<void> {
  jobs.push(await create(on, flowOf(title, steps, { schedule: { stepSize, numSteps: steps }, ...more })));
}

const here = setting([], async (on) => {
  await start(on, "Short steps", 12, 0.1);
  await start(on, "Long steps", 6, 0.2);
  await start(on, "Another seed", 6, 0.2, { seed: 5 });
});
const { daemon } = here;

function compareAddress(parameters = ""): string {
  return `${daemon.page}#/compare?jobs=${jobs.map((name) => name.replace("jobs/", "")).join(",")}${parameters}`;
}

async function untilFigures(page: Page, row: string, values: readonly string[]): Promise<void> {
  const told = new RegExp(`^${row}\\s*${values.join("\\s*")}$`);
  await page.locator(".figures-here tr", { hasText: told }).waitFor();
}

async function untilCaptions(page: Page, steps: readonly number[]): Promise<void> {
  for (const [i, step] of steps.entries())
    await page
      .locator("figcaption")
      .nth(i)
      .filter({ hasText: `points of step ${step}` })
      .waitFor();
}

test("ticked jobs are compared on one time and one camera, which the link holds", async () => {
  const seen = await visit(here.browser, `${daemon.page}#/jobs`);
  const { page } = seen;
  for (const title of ["Short steps", "Long steps", "Another seed"]) await page.getByRole("checkbox", { name: `Compare ${title}` }).check();
  await page.waitForURL(/pick=/);
  await page.getByRole("button", { name: "Compare 3 jobs" }).click();
  await untilFigures(page, "step", ["12", "6", "6"]);
  await untilCaptions(page, [12, 6, 6]);

  await page.getByRole("slider", { name: "Time" }).fill("5");
  // Of the ticks 0, 0.1, …, 1.2 the sixth: the long steps are at 0.4 then.
  await untilFigures(page, "step", ["5", "2", "2"]);
  await untilCaptions(page, [5, 2, 2]);
  await page.waitForURL(/at=0\.5/);
  await page.locator(".points").first().focus();
  await page.keyboard.press("+");
  await page.waitForURL(/camera=/);
  await page.keyboard.press(".");
  await untilFigures(page, "step", ["6", "3", "3"]);

  const energies = page.getByRole("region", { name: "Energy", exact: true });
  assert.equal(await energies.locator(".chart .series").count(), 3);
  await energies.locator("summary").click();
  // A row for each of the times 0, 0.1, …, 1.2.
  await page.waitForFunction(() => document.querySelectorAll("section[aria-label=Energy] tbody tr").length === 13);
  // The figures of three jobs are seen whole.
  const cuts = await page.locator(".scroll").evaluateAll((all) => all.map((each) => each.scrollWidth - each.clientWidth));
  assert.ok(cuts.length === 2 && cuts.every((cut) => cut <= 0), `${cuts.join(" and ")} pixels of the figures are cut off`);
  await picture(page, "compare");
  const address = page.url();
  await page.goto("about:blank");
  await page.goto(address);
  await untilFigures(page, "step", ["6", "3", "3"]);
  await untilCaptions(page, [6, 3, 3]);
  assert.match(page.url(), /camera=/);
  await leave(seen);
});

test("the clock may be the computer's, and the points lie over each other", async () => {
  const seen = await visit(here.browser, compareAddress("&lay=over"));
  const { page } = seen;
  await untilFigures(page, "step", ["12", "6", "6"]);
  await page.locator(".points canvas").nth(2).waitFor();
  assert.equal(await page.locator(".points").count(), 1);
  const colours = await page.locator(".points canvas").evaluateAll((all) => all.map((each) => getComputedStyle(each).color));
  assert.equal(new Set(colours).size, 3);
  await page.getByRole("checkbox", { name: "contours" }).check();
  await page.locator(".points .contours").nth(2).waitFor({ state: "attached" });
  await picture(page, "compare-over", false);
  await page.getByRole("combobox", { name: "Over", exact: true }).selectOption("step");
  await page.waitForURL(/axis=step/);
  await page.locator("h1").click();
  await page.keyboard.press("Home");
  await untilFigures(page, "step", ["0", "0", "0"]);
  await page.keyboard.press(".");
  await untilFigures(page, "step", ["1", "1", "1"]);
  await page.getByRole("combobox", { name: "Over", exact: true }).selectOption("wall");
  await page.waitForURL(/axis=wall/);
  await page.getByText("At seconds of computing").waitFor();
  await page.locator("h1").click();
  await page.keyboard.press("p");
  await page.getByRole("button", { name: "Live", pressed: true }).waitFor();
  await untilFigures(page, "step", ["12", "6", "6"]);
  await page.getByRole("button", { name: "Leave out Another seed" }).click();
  await untilFigures(page, "step", ["12", "6"]);
  await leave(seen);
});

test("jobs of more than two dimensions are seen along the main directions of all their points", async () => {
  // Their points spread along x₃ one from the other, which neither of them does by itself.
  const apart = async (at: number) => {
    const mean = [0, 0, at, 0];
    const covariance = { values: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0.01, 0, 0, 0, 0, 0.01] };
    const center = { functional: { terms: [{ potential: { quadratic: { center: mean } } }] } };
    return await create(daemon, flowOf(`At ${at}`, 2, { dimension: 4, initial: { gaussian: { mean, covariance } }, ...center }));
  };
  const names = [await apart(-5), await apart(5)].map((name) => name.replace("jobs/", ""));
  const seen = await visit(here.browser, `${daemon.page}#/compare?jobs=${names.join(",")}&at=0`);
  const { page } = seen;
  await untilCaptions(page, [0, 0]);
  await page.getByRole("combobox", { name: "Plane" }).selectOption("main");
  await page.getByText("1st main direction →").first().waitFor();
  await page.getByRole("combobox", { name: "Pictures" }).selectOption("over");
  await page.locator(".points canvas").nth(1).waitFor();
  await page.getByRole("checkbox", { name: "contours" }).check();
  // Apart across: the middles of their level lines are far from each other.
  await page.locator(".points .contours").nth(1).waitFor({ state: "attached" });
  const middles = await page.locator(".points .contours").evaluateAll((all) =>
    all.map((path) => {
      const box = (path as SVGGraphicsElement).getBBox();
      return box.x + box.width / 2;
    }),
  );
  const width = (await page.locator(".points").boundingBox())?.width ?? 0;
  assert.ok(Math.abs((middles[0] ?? 0) - (middles[1] ?? 0)) > width / 3, middles.join(" "));
  await picture(page, "compare-main", false);
  await leave(seen);
});

test("each picture has its job's target and exact solution, and one for all has each once", async () => {
  const terms = [{ potential: { quadratic: { center: [1, 0] } } }, { entropy: {} }];
  const flow = { functional: { terms }, solver: { eulerMaruyama: { innerIterations: 5 } } };
  const names = [await create(daemon, flowOf("One", 4, flow)), await create(daemon, flowOf("Two", 4, { ...flow, seed: 7 }))];
  const ids = names.map((name) => name.replace("jobs/", "")).join(",");
  const seen = await visit(here.browser, `${daemon.page}#/compare?jobs=${ids}&at=0.2`);
  const { page } = seen;
  await untilCaptions(page, [2, 2]);
  await page.locator(".points .exact ellipse").nth(3).waitFor({ state: "attached" });
  assert.equal(await page.locator(".points .target ellipse").count(), 4);
  await picture(page, "compare-targets", false);
  await page.getByRole("combobox", { name: "Pictures" }).selectOption("over");
  await page.locator(".points .exact ellipse").nth(2).waitFor({ state: "detached" });
  // The picture for both is there once its size is known.
  await page.locator(".points .exact ellipse").nth(1).waitFor({ state: "attached" });
  assert.equal(await page.locator(".points .target ellipse").count(), 2);
  await page.getByRole("checkbox", { name: "exact solution" }).uncheck();
  await page.locator(".points .exact ellipse").first().waitFor({ state: "detached" });
  await leave(seen);
});

test("one over the other, each job's target and exact solution has its colour, and curves share one time", async () => {
  const flow = (center: number[], more: object = {}) => ({
    functional: { terms: [{ potential: { quadratic: { center } } }, { entropy: {} }] },
    solver: { eulerMaruyama: { innerIterations: 5 } },
    ...more,
  });
  const metrics = { output: { samplesPerStep: 300, metrics: [{ closedForm: {} }] } };
  const made = [
    await create(daemon, flowOf("Left", 4, flow([-3, 0], metrics))),
    await create(daemon, flowOf("Right", 9, flow([3, 0]))),
    await create(daemon, flowOf("Right too", 9, flow([3, 0], { seed: 8 }))),
  ];
  const ids = made.map((name) => name.replace("jobs/", "")).join(",");
  const seen = await visit(here.browser, `${daemon.page}#/compare?jobs=${ids}&lay=over`);
  const { page } = seen;
  await untilFigures(page, "step", ["4", "9", "9"]);
  const coloursOf = async (what: string) =>
    await page.locator(`.points ${what}`).evaluateAll((all) => all.map((each) => getComputedStyle(each).stroke));
  // Two ellipses each; those of the target that two jobs share are there in the colours of both.
  await page.locator(".points .target ellipse").nth(5).waitFor({ state: "attached" });
  const jobColours = await page.locator(".jobs-legend .line").evaluateAll((all) => all.map((each) => getComputedStyle(each).stroke));
  assert.equal(new Set(jobColours).size, 3);
  const swatches = await page.locator(".swatch-line g").evaluateAll((all) => all.map((each) => getComputedStyle(each).stroke));
  assert.ok(swatches.length === 3 && !swatches.includes("none"), swatches.join(" "));
  for (const what of [".target ellipse", ".exact ellipse"]) assert.deepEqual(new Set(await coloursOf(what)), new Set(jobColours), what);
  await picture(page, "compare-over-targets");

  const ends = await page.locator(".curves .chart svg").evaluateAll((all) =>
    all.map((chart) => {
      const lines = [...chart.querySelectorAll(".grid text[text-anchor=middle]")];
      return lines.map((line) => `${line.textContent} at ${Math.round(Number(line.getAttribute("x")))}`).join(", ");
    }),
  );
  assert.ok(ends.length >= 3);
  assert.equal(new Set(ends).size, 1, ends.join("\n"));
  const metric = page.getByRole("region", { name: /closed_form/ }).first();
  assert.deepEqual(await metric.locator(".legend li").allInnerTexts(), ["Left"]);
  await leave(seen);
});

test("a running job moves while it is compared", async () => {
  await start(daemon, "On and on", 20_000, 0.1);
  const seen = await visit(here.browser, compareAddress());
  const { page } = seen;
  const step = async () => Number(await page.locator(".figures-here tr", { hasText: /^step/ }).locator("td").nth(3).innerText());
  await page.waitForFunction(() => Number(document.querySelector(".figures-here tbody td:nth-child(5)")?.textContent) > 5);
  const before = await step();
  await page.waitForFunction((than) => Number(document.querySelector(".figures-here tbody td:nth-child(5)")?.textContent) > than, before);
  await page.getByRole("link", { name: "On and on" }).click();
  await page.getByRole("button", { name: /^Stop “/ }).click();
  await page.getByRole("button", { name: "Stop it" }).click();
  await leave(seen);
});

for (const [look, options] of [
  ["light", { colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
  ["phone", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }],
] as const) {
  test(`everybody can compare in ${look}`, async () => {
    const { page } = await visit(here.browser, compareAddress("&at=0.4"), options);
    await untilFigures(page, "step", ["4", "2", "2", "4"]);
    await picture(page, `compare-${look}`);
    await assertAccessible(page);
    await page.context().close();
  });
}
