// The ways that users take most: a job from the form, its page, a fork, and a server that goes away.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertAccessible, openWholeJob } from "./accessibility.ts";
import { call, canvasOf, create, flowOf, leave, picture, untilPointsOf, untilState, untilStep, visit, type Visit } from "./pages.ts";
import { setting } from "./setting.ts";

const here = setting();
const { daemon } = here;

async function open(path: string): Promise<Visit> {
  return await visit(here.browser, daemon.page + path);
}

test("a new job is checked as it is written, told beside the field, and started", async () => {
  const seen = await open("#/new?example=ring");
  const { page } = seen;
  await page.locator(".verdict .good", { hasText: "valid: dimension 2, 20 steps" }).waitFor();

  await page.getByLabel("stepSize", { exact: true }).fill("-1");
  await page
    .locator(".field.wrong", { has: page.getByLabel("stepSize", { exact: true }) })
    .locator(".problem", { hasText: "above 0" })
    .waitFor();
  await picture(page, "new-job-refused");

  await page.getByLabel("stepSize", { exact: true }).fill("0.5");
  await page.getByLabel("numSteps", { exact: true }).fill("3000");
  await page.getByLabel("innerIterations", { exact: true }).fill("5");
  await page.getByLabel("count", { exact: true }).fill("100");
  await page.getByLabel("samplesPerStep", { exact: true }).fill("100");
  await page.getByLabel("title", { exact: true }).fill("From the form");
  await page.locator(".verdict .good", { hasText: "3000 steps" }).waitFor();
  await picture(page, "new-job");
  await page.getByRole("button", { name: "Start the job" }).click();

  await page.getByRole("heading", { name: "From the form" }).waitFor();
  await page.locator(".caption", { hasText: "points of step" }).waitFor();
  await untilStep(page, 1);
  const atFirst = await canvasOf(page);
  await untilStep(page, 40);
  assert.notDeepEqual(await canvasOf(page), atFirst, "the points have moved");
  await picture(page, "job-running");
  await page.getByRole("button", { name: /^Stop “/ }).click();
  await page.getByRole("button", { name: "Stop it" }).click();
  await untilState(page, "CANCELLED");
  await leave(seen);
});

test("a page goes back to any step, plays, and keeps the step in its address", async () => {
  const name = await create(daemon, flowOf("To be scrubbed", 8));
  const seen = await open(`#/${name}`);
  const { page } = seen;
  await untilState(page, "SUCCEEDED");
  await page.getByRole("slider", { name: "Step" }).fill("2");
  await untilPointsOf(page, 2);
  await page.waitForURL(/step=2/);
  assert.match(await page.locator("#facts-title").innerText(), /Step 2/);

  await page.reload();
  await untilPointsOf(page, 2);
  await page.keyboard.press(".");
  await untilPointsOf(page, 3);
  await page.getByLabel("Speed").selectOption("16");
  await page.keyboard.press("p");
  await untilPointsOf(page, 8);
  await page.getByRole("button", { name: "Live", pressed: true }).waitFor();
  await leave(seen);
});

test("a job is forked at a step", async () => {
  const name = await create(daemon, flowOf("A parent", 5));
  const seen = await open(`#/${name}?step=2`);
  const { page } = seen;
  await untilState(page, "SUCCEEDED");
  await page.getByRole("button", { name: "Fork at step 2" }).click();
  await page.getByRole("heading", { name: `Fork ${name} at step 2` }).waitFor();
  await page.getByLabel("stepSize", { exact: true }).fill("0.02");
  await page.getByLabel("title", { exact: true }).fill("A fork");
  await page.locator(".verdict .good", { hasText: "5 steps" }).waitFor();
  await picture(page, "fork");
  await page.getByRole("button", { name: "Start the fork" }).click();
  await page.getByRole("heading", { name: "A fork" }).waitFor();
  await page.getByText(`from step 2 of ${name}`).waitFor();
  await untilState(page, "SUCCEEDED");
  await leave(seen);
});

test("a job that failed says why, keeps its file, and makes way for the next", async () => {
  const name = await create(daemon, { ...flowOf("Out of time", 20_000), limits: { maxRunSeconds: 1 } });
  const seen = await open(`#/${name}`);
  const { page } = seen;
  await untilState(page, "FAILED");
  await page.getByText("The job failed: the job was computed for as long as limits.max_run_seconds allows").waitFor();
  await page.getByRole("region", { name: "Text of the job file" }).getByText('"maxRunSeconds": 1').waitFor();
  await picture(page, "job-failed");

  await page.evaluate(() => (window.location.hash = "#/jobs/%E0%A4%A"));
  await page.getByRole("heading", { name: "The server does not show this job" }).waitFor();
  const next = await create(daemon, flowOf("The next", 2));
  await page.evaluate((address) => (window.location.hash = address), `#/${next}`);
  await page.getByRole("heading", { name: "The next" }).waitFor();
  assert.equal(await page.getByRole("heading", { name: "Out of time" }).count(), 0);
  await leave(seen);
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`everybody can use a job's page in ${colorScheme}`, async () => {
    const name = await create(daemon, flowOf("For everybody", 6));
    const page = await openWholeJob(here.browser, daemon, name, { colorScheme });
    await picture(page, `job-${colorScheme}`);
    await assertAccessible(page);
    await page.context().close();
  });
}

test("a page resumes by itself without a gap when the daemon is lost and comes back", async () => {
  const name = await create(daemon, flowOf("Through a crash", 20_000));
  const seen = await open(`#/${name}`);
  const { page } = seen;
  await untilStep(page, 5);
  await daemon.kill();
  await page.getByText("The connection to the server is lost").waitFor();
  const stepsDone = async () => Number(/(\d+)\/\d+ steps/.exec(await page.locator(".progress-line").innerText())?.[1]);
  const before = await stepsDone();
  await picture(page, "daemon-lost", false);
  await daemon.start();
  await untilStep(page, before + 20);
  assert.equal(await page.getByText("The connection to the server is lost").count(), 0);
  await page.getByRole("button", { name: /^Pause “/ }).click();
  await untilState(page, "PAUSED");
  const panel = page.getByRole("region", { name: "Energy by term", exact: true });
  await panel.locator("summary").click();
  const told: string[] = [];
  for (;;) {
    await panel.locator("tbody tr").first().waitFor();
    told.push(...(await panel.locator("tbody th").allInnerTexts()));
    const more = panel.getByRole("button", { name: "Rows after" });
    if ((await more.count()) === 0 || (await more.isDisabled())) break;
    await more.click();
  }
  assert.ok(told.length > before + 20);
  assert.deepEqual(
    told,
    told.map((_, step) => String(step)),
  );
  await call(daemon, "JobService/CancelJob", { name });
  await page.context().close();
});
