// What the tests of one file work with: a daemon and a browser, from before the first to after the last.
import { after, before } from "node:test";
import type { Browser } from "playwright-core";
import { Daemon } from "./daemon.ts";
import { openBrowser, programs } from "./pages.ts";

export interface Setting {
  readonly daemon: Daemon;
  readonly browser: Browser;
}

// `prepare` is called once both are there.
export function setting(options: readonly string[] = [], prepare: (daemon: Daemon) => Promise<void> = async () => {}): Setting {
  const daemon = new Daemon(programs, options);
  let browser: Browser | undefined;
  const begin = async () => {
    await daemon.start();
    browser = await openBrowser();
    await prepare(daemon);
  };
  let begun: Promise<void> | undefined;
  before(() => (begun = begin()));
  // Also where the beginning failed, or was not waited for, as without a test to run: what was started is to end.
  after(async () => {
    await begun?.catch(() => undefined);
    await browser?.close();
    await daemon.close();
  });
  return {
    daemon,
    get browser() {
      if (browser === undefined) throw new Error("no browser was opened");
      return browser;
    },
  };
}
