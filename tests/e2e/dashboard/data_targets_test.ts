// Targets that are data sets: their rows over the points, on the page of one job and of several.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { BrowserContextOptions, Page } from "playwright-core";
import { assertAccessible } from "./accessibility.ts";
import { create, flowOf, leave, picture, untilPointsOf, untilState, uploadRows, visit } from "./pages.ts";
import { setting } from "./setting.ts";

// Half a circle of radius 2 about (1, 0), in as many dimensions as asked for: further coordinates are a tenth of the first.
function halfCircle(count: number, dimension: number): number[][] {
  return Array.from({ length: count }, (_, i) => {
    const angle = (Math.PI * i) / (count - 1);
    const [x, y] = [1 + 2 * Math.cos(angle), 2 * Math.sin(angle)];
    return [x, y, ...Array.from({ length: dimension }, () => x / 10)].slice(0, dimension);
  });
}

const towards = (dataset: string, more: Record<string, unknown> = {}) => ({
  functional: { terms: [{ slicedWasserstein: { dataset } }] },
  schedule: { stepSize: 1, numSteps: 4 },
  ...more,
});

let plane = "";
let other = "";
const here = setting([], async (daemon) => {
  await uploadRows(daemon, "half-circle", halfCircle(3000, 2));
  await uploadRows(daemon, "in-four", halfCircle(500, 4));
  await uploadRows(daemon, "on-a-line", halfCircle(500, 1));
  plane = await create(daemon, flowOf("To half a circle", 4, towards("datasets/half-circle")));
  other = await create(
    daemon,
    flowOf("By MMD", 4, towards("datasets/half-circle", { functional: { terms: [{ mmd: { dataset: "datasets/half-circle" } }] } })),
  );
});

async function open(name: string, options: BrowserContextOptions = {}) {
  const seen = await visit(here.browser, `${here.daemon.page}#/${name}`, options);
  await untilState(seen.page, "SUCCEEDED");
  await untilPointsOf(seen.page, 4);
  return seen;
}

const rowsOf = (page: Page) => page.locator(".points .target .rows");

// How many crosses, or strokes on a line, are drawn.
async function strokes(page: Page): Promise<number> {
  return ((await rowsOf(page).first().getAttribute("d")) ?? "").split("M").length - 1;
}

test("rows of the data set lie over the points, are told beside them, and go when they are not wanted", async () => {
  const seen = await open(plane);
  const { page } = seen;
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await rowsOf(page).waitFor({ state: "attached" });
  // Below the points, which they would hide.
  await page.locator(".points > svg:first-child .rows").waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Show all" }).click();
  const table = page.locator(".exact-figures", { hasText: "2,000 rows of datasets/half-circle" });
  const cells = async (row: string) => (await table.locator("tbody tr", { hasText: row }).locator("td").allInnerTexts()).map(Number);
  // Mean and deviation of half a circle: 1 and √2 across, 4/π and √(2 − 16/π²) up.
  const [, across = 0, , wide = 0] = await cells("x₁");
  assert.ok(Math.abs(across - 1) < 1e-2 && Math.abs(wide - Math.SQRT2) < 1e-2, `${across} ${wide}`);
  const [, up = 0, , high = 0] = await cells("x₂");
  assert.ok(Math.abs(up - 4 / Math.PI) < 1e-2 && Math.abs(high - Math.sqrt(2 - 16 / Math.PI ** 2)) < 1e-2, `${up} ${high}`);

  await page.keyboard.press("Home");
  await untilPointsOf(page, 0);
  await page.getByRole("checkbox", { name: "target" }).uncheck();
  await rowsOf(page).waitFor({ state: "detached" });
  await table.waitFor({ state: "detached" });
  await page.getByRole("checkbox", { name: "target" }).check();
  await rowsOf(page).waitFor({ state: "attached" });
  assert.ok(!asked.some((address) => address.includes("SampleDataset")), "they are read once");
  await leave(seen);
});

test("in more dimensions they are seen along the same directions as the points, on a line as strokes below them", async () => {
  const name = await create(here.daemon, flowOf("In four", 4, towards("datasets/in-four", { dimension: 4 })));
  const seen = await open(name);
  const { page } = seen;
  await rowsOf(page).waitFor({ state: "attached" });
  await page.getByRole("combobox", { name: "Plane" }).selectOption("main");
  const table = page.locator(".exact-figures", { hasText: "500 rows of datasets/in-four" });
  await table.locator("th", { hasText: "1st main direction" }).waitFor();
  await picture(page, "data-target-main", false);
  await leave(seen);

  const line = await open(await create(here.daemon, flowOf("On a line", 4, towards("datasets/on-a-line", { dimension: 1 }))));
  await rowsOf(line.page).waitFor({ state: "attached" });
  assert.equal(await line.page.locator(".exact-figures tbody tr").count(), 1);
  await line.page.locator(".exact-figures caption", { hasText: "on this line" }).waitFor();
  await picture(line.page, "data-target-line", false);
  await leave(line);
});

test("jobs that are compared share the rows, which are read once, in a picture each and in one", async () => {
  const names = [plane, other].map((name) => name.replace("jobs/", "")).join(",");
  const { page, complaints } = await visit(here.browser, "about:blank");
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(`${here.daemon.page}#/compare?jobs=${names}`);
  await rowsOf(page).nth(1).waitFor({ state: "attached" });
  await page.getByRole("combobox", { name: "Pictures" }).selectOption("over");
  await rowsOf(page).nth(1).waitFor({ state: "detached" });
  // The picture for both is there once its size is known.
  await rowsOf(page).waitFor({ state: "attached" });
  assert.equal(await rowsOf(page).count(), 1);
  assert.ok((await strokes(page)) > 1000);
  await page.getByRole("checkbox", { name: "target" }).uncheck();
  await rowsOf(page).waitFor({ state: "detached" });
  assert.equal(asked.filter((address) => address.includes("SampleDataset")).length, 1, asked.join(" "));
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test("why they do not come is said where they would be, and they are read again on request", async () => {
  const { page } = await visit(here.browser, "about:blank");
  await page.route("**/SampleDataset", (route) => route.abort());
  await page.goto(`${here.daemon.page}#/${plane}`);
  await page.getByText("The target datasets/half-circle: no server answers.").waitFor();
  await untilPointsOf(page, 4);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("The target datasets/half-circle: no server answers.").waitFor();
  await picture(page, "data-target-failed", false);
  await page.unroute("**/SampleDataset");
  await page.getByRole("button", { name: "Try again" }).click();
  await rowsOf(page).waitFor({ state: "attached" });
  assert.equal(await page.getByText("The target datasets/half-circle").count(), 0);
  assert.equal(await page.getByRole("button", { name: "Try again" }).count(), 0);
  await page.context().close();
});

describe("everybody can see them", () => {
  for (const [look, options] of [
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["phone", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }],
  ] as const) {
    test(`in ${look}`, async () => {
      const { page } = await open(plane, options);
      await rowsOf(page).waitFor({ state: "attached" });
      await picture(page, `data-target-${look}`);
      await assertAccessible(page);
      await page.context().close();
    });
  }
});
