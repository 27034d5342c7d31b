// The page in Chromium against a real daemon.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, flowOf, leave, picture, untilPointsOf, untilState, untilStep, visit, type Visit } from "./pages.ts";
import { setting } from "./setting.ts";

const here = setting();
const { daemon } = here;

async function open(path: string): Promise<Visit> {
  return await visit(here.browser, daemon.page + path);
}

test("a new job shows what the server makes of a formula as it is typed", async () => {
  const seen = await open("#/new?example=expression");
  const { page } = seen;
  const formula = page.getByLabel("source").first();
  await formula.fill("def V(x):\n    return 0.5 * (x * x).sum(1)");
  const field = page.locator(".field", { has: formula });
  // |x|²/2 is 1 at (1, 1), and its gradient is x.
  await field.locator("tr", { hasText: /^\(1, 1\)\s*1\s*\(1, 1\)$/ }).waitFor();
  // A dimension that is none is told beside the dimension, and the formula keeps its values.
  const dimension = page.getByLabel("dimension", { exact: true });
  for (const none of ["2.5", "1e20"]) {
    await dimension.fill(none);
    await page.locator(".verdict li", { hasText: "spec.dimension: must be a whole number" }).waitFor();
    await field.locator("tr", { hasText: /^\(1, 1\)\s*1\s*\(1, 1\)$/ }).waitFor({ timeout: 10_000 });
    assert.equal(await field.locator(".problem").first().innerText(), "");
  }
  await dimension.fill("2");
  await formula.fill("def V(x):\n    return torch.rand(3)");
  await field.locator(".problem", { hasText: "line 2" }).waitFor();
  await picture(page, "formula-refused");
  await leave(seen);
});

test("a number that is none of its field's is told beside it with what would be right", async () => {
  const seen = await open("#/new?example=ring");
  const { page } = seen;
  await page.locator(".verdict .good").waitFor();
  const say = async (label: string, text: string, told: string) => {
    const input = page.getByLabel(label, { exact: true });
    const before = await input.inputValue();
    await input.fill(text);
    const field = page.locator(".field.wrong", { has: page.getByLabel(label, { exact: true }) });
    await field.locator(".problem", { hasText: told }).waitFor();
    assert.equal(await input.getAttribute("aria-invalid"), "true");
    if (text === "2.5") await picture(page, "new-job-misfit");
    await input.fill(before);
    await page.locator(".verdict .good").waitFor();
  };
  const most = Number(/between 1 and (\d+)/.exec(await page.locator("#field-spec-dimension-help").innerText())?.[1]);
  assert.ok(most > 1);
  await say("dimension", "2.5", `must be a whole number between 1 and ${most}, is 2.5`);
  await say("dimension", "1e20", `must be a whole number between 1 and ${most}, is 100000000000000000000`);
  await say("seed", "-1", "must be a whole number between 0 and 18446744073709551615, is -1");
  await say("seed", "18446744073709551616", "must be a whole number between 0 and 18446744073709551615, is 18446744073709551616");
  await page.getByLabel("seed", { exact: true }).fill("18446744073709551615");
  await page.waitForFunction(() => document.querySelector<HTMLTextAreaElement>("#file-text")?.value.includes('"18446744073709551615"'));
  await page.locator(".verdict .good").waitFor();

  // All that is wrong with a file at once.
  await page.getByText("The job as a file").click();
  await page
    .locator("#file-text")
    .fill('{"spec": {"dimension": 2.5, "sede": 1, "schedule": {"clock": "SUN", "stepSize": "far", "numSteps": 3}}, "labels": {"a": 1}}');
  for (const told of [
    "spec.dimension: must be a whole number",
    "spec.sede: is no field here; there are dimension, initial,",
    "spec.schedule.clock: must be one of SLICED, WASSERSTEIN, is SUN",
    "spec.schedule.stepSize: must be a number, is far",
    "labels.a: must be a text in quotes, is 1",
  ])
    await page.locator(".verdict li", { hasText: told }).waitFor();
  await page.getByText("5 things are to be mended").waitFor();
  await leave(seen);
});

test("what a new job will take is told by jobs like it, or not at all", async () => {
  const slow = { solver: { swJko: { innerIterations: 11, numProjections: 20, batchSize: 100, maxAttempts: 1 } } };
  const name = await create(daemon, flowOf("To be timed", 10, slow));
  const seen = await open(`#/${name}`);
  const { page } = seen;
  await untilState(page, "SUCCEEDED");
  await page.getByRole("link", { name: "Run again" }).click();
  await page.locator(".verdict", { hasText: /Takes about \S+ (s|min), as a finished job with the same solver/ }).waitFor();
  await page.locator(".verdict", { hasText: /of memory of .* GiB; .* of stored samples/ }).waitFor();
  await page.getByLabel("innerIterations", { exact: true }).fill("1234");
  await page.locator(".verdict", { hasText: "a time that is not known, since no finished job has the same solver" }).waitFor();
  await leave(seen);
});

describe("a job's page", () => {
  test("keeps camera and picked rows in its address and sends nothing anew for them", async () => {
    const name = await create(daemon, flowOf("To be looked at", 3));
    const seen = await open(`#/${name}`);
    const { page } = seen;
    await untilState(page, "SUCCEEDED");
    await untilPointsOf(page, 3);
    await page.locator(".points canvas[data-uploads]").waitFor();
    const uploads = await page.locator(".points canvas").getAttribute("data-uploads");
    await page.locator(".points").focus();
    await page.keyboard.press("+");
    await page.keyboard.press("ArrowLeft");
    await page.waitForURL(/camera=/);
    await page.getByRole("button", { name: "Show all" }).click();
    await page.waitForURL((url) => !url.hash.includes("camera="));
    assert.equal(await page.locator(".points canvas").getAttribute("data-uploads"), uploads);

    await page.goto(`${daemon.page}#/${name}?rows=1,5`);
    await page.locator(".trails polyline").nth(1).waitFor({ state: "attached" });
    assert.match(await page.locator(".caption").innerText(), /rows 1, 5 followed/);
    await leave(seen);
  });

  test("lays target, exact solution and contours over the points, in any plane", async () => {
    const precision = [2, 0, 0, 0, 1, 0, 0, 0, 0.5];
    const terms = [{ potential: { quadratic: { center: [2, 1, 0], precision: { values: precision } } } }, { entropy: {} }];
    const langevin = {
      dimension: 3,
      functional: { terms },
      solver: { eulerMaruyama: { innerIterations: 20 } },
      model: { particles: { count: 2000 } },
      output: { samplesPerStep: 2000, metrics: [{ closedForm: {} }] },
    };
    const name = await create(daemon, flowOf("Three dimensions", 6, langevin));
    const seen = await open(`#/${name}`);
    const { page } = seen;
    await untilState(page, "SUCCEEDED");
    await untilPointsOf(page, 6);
    // A long name is broken behind an underscore, not inside a word, and nothing of it lies outside its column.
    const metric = page.locator(".facts dt", { hasText: "closed_form_symmetric_kl" });
    const lines = await metric.evaluate((element) => {
      const texts = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.textContent !== "");
      return texts.map((text) => {
        const range = document.createRange();
        range.selectNodeContents(text);
        return range.getClientRects().length;
      });
    });
    assert.ok(lines.length >= 4 && lines.every((each) => each === 1), lines.join(" "));
    assert.ok(await metric.evaluate((element) => element.scrollWidth <= element.clientWidth));
    await page.getByRole("checkbox", { name: "contours" }).check();
    await page.locator(".points .contours").waitFor({ state: "attached" });
    await page.locator(".points .target ellipse").first().waitFor();
    const distance = async () => Number(/plane is (\S+)/.exec(await page.locator(".exact-figures caption").innerText())?.[1]);
    // 2000 samples of the law itself are about 0.003 off.
    assert.ok((await distance()) < 0.05);
    await picture(page, "overlays");
    await page.getByLabel("Up").selectOption("3");
    await page.waitForURL(/y=3/);
    assert.match(await page.locator(".exact-figures tbody").innerText(), /x₃/);
    await page.getByLabel("Plane").selectOption("main");
    await page.waitForURL(/view=main/);
    await page.locator(".points canvas[aria-label*='1st main direction']").waitFor();
    assert.ok((await distance()) < 0.05);
    await page.getByRole("checkbox", { name: "exact solution" }).uncheck();
    await page.locator(".points .exact").waitFor({ state: "detached" });
    await picture(page, "main-directions", false);
    await leave(seen);
  });

  test("shows samples of a square dimension as images", async () => {
    const terms = [{ potential: { quadratic: { center: Array.from({ length: 64 }, (_, i) => (Math.floor(i / 8) === i % 8 ? 5 : 0)) } } }];
    const drawn = {
      dimension: 64,
      functional: { terms },
      solver: { eulerMaruyama: { innerIterations: 10 } },
      schedule: { stepSize: 0.5, numSteps: 5 },
    };
    const name = await create(daemon, flowOf("Diagonals", 5, drawn));
    const seen = await open(`#/${name}`);
    const { page } = seen;
    await untilState(page, "SUCCEEDED");
    await page.getByLabel("Plane").selectOption("images");
    await page.getByRole("img", { name: "100 samples of step 5 as images of 8 by 8 points" }).waitFor();
    // The diagonal of the first image is brighter than the corner beside it.
    const pixels = await page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>(".images canvas");
      return [
        [3, 3],
        [7, 0],
      ].map(([x = 0, y = 0]) => canvas?.getContext("2d")?.getImageData(x, y, 1, 1).data[0] ?? 0);
    });
    assert.ok((pixels[0] ?? 0) > (pixels[1] ?? 0) + 60, `${pixels}`);
    await picture(page, "images", false);
    await page.getByLabel("Plane").selectOption("");
    await page.locator(".points canvas").waitFor();
    await leave(seen);
  });

  test("draws more points than are stored", async () => {
    const name = await create(daemon, flowOf("To be drawn from", 2, { model: { realNvp: { couplings: 2, hiddenWidth: 8 } } }));
    const seen = await open(`#/${name}`);
    const { page } = seen;
    await untilState(page, "SUCCEEDED");
    await page.getByRole("combobox", { name: "Points" }).selectOption("10000");
    await page.locator(".caption", { hasText: "10,000 points of step 2" }).waitFor();
    await page.waitForURL(/draw=10000/);
    await leave(seen);
  });

  test("selects a range over a curve, and the table has its figures", async () => {
    const name = await create(daemon, flowOf("To be read", 6));
    const seen = await open(`#/${name}`);
    const { page } = seen;
    await untilState(page, "SUCCEEDED");
    const panel = page.getByRole("region", { name: "Distance moved", exact: true });
    await panel.getByRole("checkbox").check();
    await panel.locator("summary").click();
    await panel.locator("tbody tr").nth(5).waitFor();
    assert.equal(await panel.locator("tbody tr").count(), 6);
    await panel.getByText("SW₂ to the step before").waitFor();
    const box = await panel.locator(".chart svg").boundingBox();
    assert.ok(box !== null);
    await page.mouse.move(box.x + box.width * 0.4, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.8, box.y + 60, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL(/from=.*to=/);
    assert.match(page.url(), /log=moved/);
    assert.equal(await page.evaluate(() => getSelection()?.toString() ?? ""), "", "a drag selects no text");
    await picture(page, "curves");
    await page.getByRole("button", { name: "Whole range" }).click();
    await page.waitForURL((url) => !url.hash.includes("from="));
    await leave(seen);
  });

  test("writes large figures whole beside a curve", async () => {
    const far = { functional: { terms: [{ weight: 1e6, potential: { quadratic: { center: [900, 0] } } }] } };
    const name = await create(daemon, flowOf("Of large energy", 3, { ...far, schedule: { stepSize: 1e-8, numSteps: 3 } }));
    const seen = await open(`#/${name}`);
    const { page } = seen;
    await untilState(page, "SUCCEEDED");
    const panel = page.getByRole("region", { name: /^Energy/ }).first();
    await panel.locator(".grid text").nth(3).waitFor();
    const outside = await page.locator(".chart .grid text").evaluateAll((all) =>
      all.flatMap((text) => {
        const box = (text as SVGGraphicsElement).getBBox();
        return box.x < 0 ? [text.textContent] : [];
      }),
    );
    assert.deepEqual(outside, []);
    const texts = await panel.locator(".grid text[text-anchor=end]").allTextContents();
    assert.ok(texts.length > 1 && new Set(texts).size === texts.length, texts.join(" "));
    await picture(page, "large-figures");
    await leave(seen);
  });

  test("runs again with the same file", async () => {
    const name = await create(daemon, flowOf("Once more", 2));
    const seen = await open(`#/${name}`);
    const { page } = seen;
    await page.getByRole("link", { name: "Run again" }).click();
    await page.locator(".verdict .good", { hasText: "2 steps" }).waitFor();
    await page.getByRole("button", { name: "Start the job" }).click();
    await page.waitForURL((url) => url.hash.includes("#/jobs/") && !url.hash.includes(name));
    await page.getByRole("heading", { name: "Once more" }).waitFor();
    await leave(seen);
  });

  test("pauses, resumes and stops", async () => {
    const name = await create(daemon, flowOf("To be stopped", 5000));
    const seen = await open(`#/${name}`);
    const { page } = seen;
    await untilStep(page, 1);
    await page.getByRole("button", { name: "Pause" }).click();
    await untilState(page, "PAUSED");
    await page.getByRole("button", { name: "Resume" }).click();
    await untilState(page, "RUNNING");
    await page.getByRole("button", { name: /^Stop “/ }).click();
    await picture(page, "stop-asked", false);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByRole("button", { name: /^Stop “/ }).click();
    await page.getByRole("button", { name: "Stop it" }).click();
    await untilState(page, "CANCELLED");
    await leave(seen);
  });

  test("says that a link has expired", async () => {
    const seen = await open("#/jobs/01aaaaaaaaaaaaaaaaaaaaaaaa");
    await seen.page.getByRole("heading", { name: "This job is not here" }).waitFor();
    await picture(seen.page, "expired-link", false);
    await leave(seen);
  });
});

describe("the table of jobs", () => {
  test("filters in the server's language and says what is wrong with a filter", async () => {
    await create(daemon, flowOf("Red herring", 1));
    const seen = await open("#/jobs");
    const { page } = seen;
    await page.getByRole("link", { name: "Red herring" }).first().waitFor();
    await page.getByLabel("Filter").fill('display_name = "Red herring"');
    await page.getByRole("button", { name: "Apply" }).click();
    await page.waitForFunction(() => document.querySelectorAll("table.jobs tbody tr").length === 1);
    await page.locator(".sparkline").first().waitFor();
    await page.getByLabel("Filter").fill("colour = red");
    await page.getByRole("button", { name: "Apply" }).click();
    await page.locator("#filter-problem", { hasText: "colour" }).waitFor();
    await picture(page, "jobs-filter-refused", false);
    await page.getByRole("button", { name: "all", exact: true }).click();
    await page.getByRole("link", { name: "To be stopped" }).waitFor();
    await picture(page, "jobs");
    await leave(seen);
  });

  test("deletes after a question", async () => {
    const name = await create(daemon, flowOf("To be deleted", 1));
    const seen = await open('#/jobs?filter=display_name%20%3D%20"To%20be%20deleted"');
    const { page } = seen;
    const button = page.getByRole("button", { name: "Delete “To be deleted”" });
    await button.click();
    await page.getByRole("button", { name: "No, keep it" }).click();
    await button.click();
    await page.getByRole("button", { name: "Delete it" }).click();
    await page.getByText("No job fits the filter").waitFor();
    await page.getByLabel("deleted too").check();
    await page.getByRole("button", { name: "Undelete “To be deleted”" }).waitFor();
    assert.ok((await page.locator("tbody").innerText()).includes(name));
    await leave(seen);
  });
});
