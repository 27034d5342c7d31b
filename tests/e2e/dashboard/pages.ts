// What the tests share: browser, jobs, pictures.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import type { Daemon, DaemonPrograms } from "./daemon.ts";

export function need(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run scripts/test_dashboard`);
  return value;
}

export const programs: DaemonPrograms = {
  sliceflowd: need("SLICEFLOWD"),
  worker: need("SLICEFLOW_WORKER"),
  dashboard: need("SLICEFLOW_DASHBOARD"),
};
const pictures = need("SLICEFLOW_SCREENSHOTS");

// On a machine that builds beside the tests a step may take seconds.
export const patienceMs = 90_000;

export async function openBrowser(): Promise<Browser> {
  // A machine without a graphics card draws in software, which Chromium takes for unsafe unless told otherwise.
  const args = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"];
  return await chromium.launch({ executablePath: need("CHROMIUM"), args, timeout: patienceMs });
}

export interface Visit {
  readonly page: Page;
  // What the page complained of: errors, and what its policy refused.
  readonly complaints: string[];
}

export async function visit(browser: Browser, address: string, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1400, height: 1000 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(patienceMs);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // The browser itself reports answers that are no success, which the tests bring about on purpose.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) complaints.push(message.text());
  });
  await page.goto(address);
  return { page, complaints };
}

// Ends a visit in which nothing went wrong behind the scenes.
export async function leave({ page, complaints }: Visit): Promise<void> {
  assert.deepEqual(complaints, []);
  await page.context().close();
}

export async function canvasOf(page: Page): Promise<Buffer> {
  return await page.locator(".points").screenshot();
}

export async function picture(page: Page, name: string, fullPage = true): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage });
}

// A flow of particles that takes as many steps as asked for, each of them short.
export function flowOf(title: string, steps: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    displayName: title,
    spec: {
      dimension: 2,
      functional: { terms: [{ potential: { quadratic: { center: [3, 1] } } }, { interaction: { gaussian: {} } }] },
      solver: { swJko: { innerIterations: 10, numProjections: 20, batchSize: 100, maxAttempts: 1 } },
      model: { particles: { count: 300 } },
      schedule: { stepSize: 0.1, numSteps: steps },
      output: { samplesPerStep: 300 },
      ...more,
    },
  };
}

export async function call(daemon: Daemon, method: string, request: unknown, token = ""): Promise<Record<string, unknown>> {
  const headers = { "content-type": "application/json", ...(token === "" ? {} : { authorization: `Bearer ${token}` }) };
  const address = `${daemon.page}sliceflow.v1.${method}`;
  const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(request), signal: AbortSignal.timeout(patienceMs) });
  const body = (await answer.json()) as Record<string, unknown>;
  if (!answer.ok) throw new Error(`${method}: ${JSON.stringify(body)}`);
  return body;
}

// Uploads a table as datasets/ID; with a token of its owner's where the server asks for one.
export async function uploadRows(daemon: Daemon, id: string, rows: readonly (readonly number[])[], token = ""): Promise<void> {
  const file = join(daemon.folder, `${id}.csv`);
  writeFileSync(file, rows.map((row) => row.join(",")).join("\n"));
  const environment = { ...process.env, ...(token === "" ? {} : { SLICEFLOW_TOKEN: token }) };
  execFileSync(need("SLICEFLOW"), ["--server", daemon.grpc, "upload", file, "--id", id], { env: environment, timeout: patienceMs });
}

// Creates a job and answers its name.
export async function create(daemon: Daemon, job: unknown): Promise<string> {
  return String((await call(daemon, "JobService/CreateJob", { job }))["name"]);
}

export async function untilState(page: Page, state: string): Promise<void> {
  await page.locator(".job-head .badge", { hasText: state }).waitFor();
}

export async function untilStep(page: Page, atLeast: number): Promise<void> {
  await page.waitForFunction((least) => Number(/(\d+)\/\d+ steps/.exec(document.body.innerText)?.[1] ?? -1) >= least, atLeast);
}

// Until what was asked of the page before is drawn.
export async function untilDrawn(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
}

// The caption below the picture tells of a step's points, and they are drawn.
export async function untilPointsOf(page: Page, step: number): Promise<void> {
  await page
    .locator(".caption", { hasText: `points of step ${step}` })
    .filter({ hasNotText: "on its way" })
    .waitFor();
  await untilDrawn(page);
}
