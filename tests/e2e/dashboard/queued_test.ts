// A job that waits because no worker is there for it.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { assertAccessible } from "./accessibility.ts";
import { Daemon } from "./daemon.ts";
import { create, flowOf, leave, openBrowser, picture, programs, untilState, visit } from "./pages.ts";

// A worker that ends at once for as long as a file is missing.
const folder = mkdtempSync(join(tmpdir(), "sliceflow-queued-"));
const repaired = join(folder, "repaired");
const worker = join(folder, "worker");
writeFileSync(worker, `#!/bin/sh\n[ -e "${repaired}" ] || exit 1\nexec "${programs.worker}" "$@"\n`, { mode: 0o755 });
const daemon = new Daemon({ ...programs, worker });
let browser: Browser | undefined;

before(async () => {
  await daemon.start();
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await daemon.close();
  rmSync(folder, { recursive: true, force: true });
});

test("a queued job says that no worker is there for it, until one is", async () => {
  const name = await create(daemon, flowOf("Waits for a worker", 2));
  if (browser === undefined) throw new Error("no browser was opened");
  const seen = await visit(browser, `${daemon.page}#/${name}`);
  const { page } = seen;
  await untilState(page, "QUEUED");
  await page.getByText("The job is queued; no worker for “any” is attached: it waits for one").waitFor();
  // After its fifth end the daemon says what is wrong with it.
  await page.getByText(/it waits for one \(cpu: .+\)\./).waitFor();
  await picture(page, "queued", false);
  await assertAccessible(page);
  writeFileSync(repaired, "");
  await untilState(page, "SUCCEEDED");
  await page.getByText("no worker for").waitFor({ state: "detached" });
  await leave(seen);
});
