// A tab that is left open, and steps that the server keeps no longer.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CDPSession } from "playwright-core";
import { call, create, flowOf, leave, picture, untilPointsOf, untilState, untilStep, visit } from "./pages.ts";
import { setting } from "./setting.ts";

const here = setting();

// What is still in use once everything else was given back.
async function heapBytes(session: CDPSession): Promise<number> {
  await session.send("HeapProfiler.collectGarbage");
  await session.send("HeapProfiler.collectGarbage");
  return (await session.send("Runtime.getHeapUsage")).usedSize;
}

test("a page that follows a flow for a thousand steps holds its reports and a bounded number of samples", async (context) => {
  const name = await create(here.daemon, flowOf("Left open", 100_000));
  const seen = await visit(here.browser, `${here.daemon.page}#/${name}`);
  const { page } = seen;
  const session = await page.context().newCDPSession(page);
  await untilStep(page, 200);
  const before = await heapBytes(session);
  await untilStep(page, 1200);
  const grown = (await heapBytes(session)) - before;
  context.diagnostic(`${(grown / 1000).toFixed(0)} bytes of heap a step`);
  // A report with its messages and its places in the curves takes some kilobytes; its samples, 2400 bytes a step, lie outside the heap.
  assert.ok(grown / 1000 < 16_384, `${grown} bytes more after a thousand steps`);
  await call(here.daemon, "JobService/CancelJob", { name });
  await untilState(page, "CANCELLED");
  await leave(seen);
});

test("going from page to page gives back what pages held", async (context) => {
  const name = await create(here.daemon, flowOf("Come and gone", 20));
  const seen = await visit(here.browser, `${here.daemon.page}#/${name}`);
  const { page } = seen;
  const session = await page.context().newCDPSession(page);
  const round = async () => {
    await page.goto(`${here.daemon.page}#/${name}`);
    await untilPointsOf(page, 20);
    await page.goto(`${here.daemon.page}#/jobs`);
    await page.getByRole("link", { name: "Come and gone" }).waitFor();
  };
  for (let i = 0; i < 5; i += 1) await round();
  const before = await heapBytes(session);
  for (let i = 0; i < 30; i += 1) await round();
  const grown = (await heapBytes(session)) - before;
  context.diagnostic(`${(grown / 30).toFixed(0)} bytes of heap a visit`);
  assert.ok(grown / 30 < 100_000, `${grown} bytes more after thirty visits`);
  await leave(seen);
});

test("steps whose samples were not stored are told of beside those that were", async () => {
  const output = { samplesPerStep: 0, checkpointEvery: 4 };
  const name = await create(here.daemon, flowOf("With gaps", 8, { output }));
  const seen = await visit(here.browser, `${here.daemon.page}#/${name}?draw=200`);
  const { page } = seen;
  await untilState(page, "SUCCEEDED");
  await untilPointsOf(page, 8);
  const rail = page.locator(".rail");
  assert.match(
    (await rail.getAttribute("aria-label")) ?? "",
    /^steps 0 to 0: samples kept; steps 1 to 3: no samples kept; steps 4 to 4: samples/,
  );
  await page.keyboard.press(",");
  await page.getByText("Step 7 has no checkpoint to draw from.").waitFor();
  await picture(page, "gaps", false);
  await leave(seen);
});
