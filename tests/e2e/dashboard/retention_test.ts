// Pages of a job whose events the server dropped.
import assert from "node:assert/strict";
import { test } from "node:test";
import { call, create, flowOf, leave, patienceMs, picture, untilState, untilStep, visit } from "./pages.ts";
import { setting } from "./setting.ts";

const kept = 10;
const here = setting(["--retention-max-events-per-job", String(kept)]);

async function completedSteps(name: string): Promise<number> {
  const job = (await call(here.daemon, "JobService/GetJob", { name })) as { progress?: { completedSteps?: number } };
  return job.progress?.completedSteps ?? 0;
}

async function untilCompleted(name: string, steps: number): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while ((await completedSteps(name)) < steps) {
    assert.ok(Date.now() < deadline, `${name} did not come to step ${steps}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test("events that are dropped while a page is away are told of as gaps", async () => {
  const { daemon } = here;
  const name = await create(daemon, flowOf("Dropped meanwhile", 100_000));
  const seen = await visit(here.browser, `${daemon.page}#/${name}`);
  const { page } = seen;
  await untilStep(page, 3);
  assert.equal(await page.getByText("are gaps here").count(), 0);

  // Away from here on; the job goes on without the page.
  await page.context().setOffline(true);
  await daemon.kill();
  await page.getByText("The connection to the server is lost").waitFor();
  await daemon.start();
  const left = await completedSteps(name);
  await untilCompleted(name, left + 10 * kept);
  // The log is cut soon after the start, which a page that is opened then tells.
  await daemon.kill();
  await daemon.start();
  const fresh = await visit(here.browser, `${daemon.page}#/${name}`);
  const beginning = fresh.page.getByText(/steps 0 to \d+ are gaps here/);
  const deadline = Date.now() + patienceMs;
  await untilStep(fresh.page, left);
  while (!(await beginning.isVisible())) {
    assert.ok(Date.now() < deadline, "the log was not cut");
    await new Promise((resolve) => setTimeout(resolve, 500));
    await fresh.page.reload();
    await untilStep(fresh.page, left);
  }
  const first = Number(/0 to (\d+)/.exec(await beginning.innerText())?.[1]) + 1;
  assert.ok(first > left + kept, `${first} is the first step that is kept`);
  await leave(fresh);

  // The page that was away keeps what it saw, and tells of what it missed.
  await page.context().setOffline(false);
  const notice = page.getByText(/steps \d+ to \d+ are gaps here/);
  await notice.waitFor();
  const [from = 0, to = 0] =
    /(\d+) to (\d+)/
      .exec(await notice.innerText())
      ?.slice(1)
      .map(Number) ?? [];
  assert.ok(from > 3 && from <= left + 1, `${from} to ${to}`);
  // What was cut since the other page was opened is gone too.
  assert.ok(to >= first - 1, `${to}, ${first}`);
  assert.match((await page.locator(".rail").getAttribute("aria-label")) ?? "", new RegExp(`steps ${from} to ${to}: dropped by retention`));
  await picture(page, "dropped", false);
  await call(daemon, "JobService/CancelJob", { name });
  await untilState(page, "CANCELLED");
  await leave(seen);
});
