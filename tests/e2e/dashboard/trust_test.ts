// Who may look: a server that asks for tokens.
import assert from "node:assert/strict";
import { test } from "node:test";
import { call, flowOf, picture, uploadRows, visit } from "./pages.ts";
import { setting } from "./setting.ts";

let ada = "";
const here = setting(["--authentication", "tokens"], async (daemon) => {
  ada = daemon.token("ada", "user");
});
const { daemon } = here;

test("a wrong token is refused in words, a right one opens the page and stays out of every address", async () => {
  await call(daemon, "JobService/CreateJob", { job: flowOf("Ada's", 1) }, ada);
  const { page, complaints } = await visit(here.browser, `${daemon.page}#/jobs`);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.getByRole("heading", { name: "This server asks for a token" }).waitFor();
  await page.getByLabel("Token").fill("sft_wrong");
  await page.keyboard.press("Enter");
  await page.getByText("This token is not taken").waitFor();
  await picture(page, "wrong-token", false);

  await page.getByLabel("Token").fill(ada);
  await page.getByRole("button", { name: "Use this token" }).click();
  await page.getByRole("link", { name: "Ada's" }).click();
  await page.getByRole("heading", { name: "Ada's" }).waitFor();
  await page.locator(".facts", { hasText: "ada" }).first().waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Ada's" }).waitFor();
  assert.ok(![...asked, page.url()].some((address) => address.includes("sft_")));
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test("what belongs to another owner is not there", async () => {
  const bob = daemon.token("bob", "user");
  const hers = await call(daemon, "JobService/CreateJob", { job: flowOf("Not Bob's", 1) }, ada);
  const { page } = await visit(here.browser, daemon.page);
  await page.getByLabel("Token").fill(bob);
  await page.keyboard.press("Enter");
  await page.getByText("No jobs yet").waitFor();
  await page.goto(`${daemon.page}#/${String(hers["name"])}`);
  await page.getByRole("heading", { name: "This job is not here" }).waitFor();
  await page.context().close();
});

test("a shared link shows one job without its token in the address, and says so when it has ended", async () => {
  const made = await call(daemon, "JobService/CreateJob", { job: flowOf("Shared", 1) }, ada);
  const name = String(made["name"]);
  const owner = await visit(here.browser, `${daemon.page}#/${name}`);
  await owner.page.getByLabel("Token").fill(ada);
  await owner.page.keyboard.press("Enter");
  await owner.page.getByRole("button", { name: "Share", exact: true }).click();
  await owner.page.getByRole("button", { name: "Make a link" }).click();
  const shared = await owner.page.getByLabel("Link", { exact: true }).inputValue();
  assert.match(shared, /#\/jobs\/[^?]+\?link=sft_/);
  await picture(owner.page, "share", false);

  const { page, complaints } = await visit(here.browser, shared);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.getByRole("heading", { name: "Shared" }).waitFor();
  await page.locator(".facts", { hasText: "ada" }).first().waitFor();
  assert.ok(![...asked, page.url()].some((address) => address.includes("sft_")));
  assert.equal(await page.getByRole("button", { name: "Share", exact: true }).count(), 0);
  assert.equal(await page.getByRole("link", { name: "Run again" }).count(), 0);
  assert.deepEqual(complaints, []);

  await owner.page.getByRole("button", { name: "End all links" }).click();
  await owner.page.getByText("One link ended.").waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "This link has ended" }).waitFor();
  await picture(page, "ended-link", false);

  // What it goes to is the owner's, and the page says so.
  await uploadRows(
    daemon,
    "hers",
    [
      [0, 0],
      [1, 1],
    ],
    ada,
  );
  const terms = [{ slicedWasserstein: { dataset: "datasets/hers" } }];
  const going = await call(daemon, "JobService/CreateJob", { job: flowOf("Goes to data", 1, { functional: { terms } }) }, ada);
  const scoped = await call(daemon, "JobService/ShareJob", { name: going["name"] }, ada);
  await page.goto(`${daemon.page}#/${String(going["name"])}?link=${String(scoped["token"])}`);
  await page.getByText("The target is a data set, which a link does not show").waitFor();
  assert.ok(!asked.some((address) => address.includes("SampleDataset")));

  // One that expires under a page that follows a job that runs.
  const running = await call(daemon, "JobService/CreateJob", { job: flowOf("Runs on", 10_000) }, ada);
  const short = await call(daemon, "JobService/ShareJob", { name: running["name"], ttl: "4s" }, ada);
  await page.goto(`${daemon.page}#/${String(running["name"])}?link=${String(short["token"])}`);
  await page.getByRole("heading", { name: "Runs on" }).waitFor();
  await page.getByRole("heading", { name: "This link has ended" }).waitFor();
  await page.context().close();
  await owner.page.context().close();
});
