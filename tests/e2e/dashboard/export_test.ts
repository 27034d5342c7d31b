// What the page saves, opened by the programs that it is for.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { create, flowOf, leave, need, picture, untilPointsOf, untilState, visit, type Visit } from "./pages.ts";
import { setting } from "./setting.ts";

const steps = 5;
const rows = 300;
let job = "";
const here = setting([], async (daemon) => {
  job = await create(daemon, flowOf("To be taken along", steps, { seed: 7 }));
});

async function openMenu(): Promise<Visit> {
  const seen = await visit(here.browser, `${here.daemon.page}#/${job}`);
  await untilState(seen.page, "SUCCEEDED");
  await untilPointsOf(seen.page, steps);
  await seen.page.getByText("Export", { exact: true }).click();
  return seen;
}

// Presses a button of the menu, and answers where the file is that came of it.
async function saved(page: Page, word: string): Promise<string> {
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: word, exact: true }).click()]);
  const path = join(here.daemon.folder, download.suggestedFilename());
  await download.saveAs(path);
  return path;
}

function python(program: string, ...paths: string[]): unknown {
  return JSON.parse(execFileSync(need("SLICEFLOW_PYTHON"), ["-c", program, ...paths], { encoding: "utf8" }));
}

test("arrays open in NumPy and SciPy and hold the same numbers", async () => {
  const seen = await openMenu();
  const npz = await saved(seen.page, "NPZ");
  const netcdf = await saved(seen.page, "NetCDF");
  const answer = python(
    `
import json, sys
import numpy as np
from scipy.io import netcdf_file
arrays = np.load(sys.argv[1])
with netcdf_file(sys.argv[2], mmap=False) as file:
    samples, energy = file.variables["samples"][:].copy(), file.variables["energy"][:].copy()
    words = [file.job.decode(), file.source.decode()[:9], file.variables["seconds"].units.decode()]
    terms = file.variables["term_energies"][:].copy()
stored = np.stack([arrays[f"step_{k:04d}"] for k in arrays["steps"]])
print(json.dumps({
    "steps": arrays["steps"].tolist(), "shape": stored.shape, "kind": str(stored.dtype), "same": bool((stored == samples).all()),
    "sameEnergy": bool((energy == arrays["energy"]).all()), "falls": bool(energy[-1] < energy[0]), "words": words,
    "terms": bool(np.allclose(terms.sum(1), energy)), "sameTerms": bool((terms == arrays["term_energies"]).all()),
    "mean": float(abs(stored[0].mean())), "moved": float(abs(stored[-1] - stored[0]).max()),
}))`,
    npz,
    netcdf,
  ) as Record<string, unknown>;
  assert.deepEqual(answer["steps"], [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(answer["shape"], [steps + 1, rows, 2]);
  assert.equal(answer["kind"], "float32");
  for (const claim of ["same", "sameEnergy", "falls", "terms", "sameTerms"]) assert.equal(answer[claim], true, claim);
  assert.deepEqual(answer["words"], [job, "sliceflow", "s"]);
  assert.ok(Number(answer["moved"]) > 0.1);
  await leave(seen);
});

test("pictures, drawings and films show the points", async () => {
  const seen = await openMenu();
  const { page } = seen;
  const png = await saved(page, "PNG");
  const strip = await saved(page, "Film strip");
  const gif = await saved(page, "GIF");
  const answer = python(
    `
import json, sys
import numpy as np
from PIL import Image
def colours(path):
    return len(np.unique(np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3), axis=0))
film = Image.open(sys.argv[3])
frames = []
for k in range(film.n_frames):
    film.seek(k)
    frames.append(np.asarray(film.convert("L")).astype(int))
print(json.dumps({"png": colours(sys.argv[1]), "strip": Image.open(sys.argv[2]).size, "frames": film.n_frames,
                  "moves": [int((abs(a - b) > 40).sum()) for a, b in zip(frames, frames[1:])]}))`,
    png,
    strip,
    gif,
  ) as { png: number; strip: number[]; frames: number; moves: number[] };
  assert.ok(answer.png > 20, "points and axes of many shades");
  assert.deepEqual(answer.strip, [4 * 640, 2 * 640]);
  assert.equal(answer.frames, steps + 1);
  assert.ok(answer.moves.every((pixels) => pixels > 100));

  const count = (path: string, name: string) => readFileSync(path, "utf8").split(`<${name}`).length - 1;
  const points = await saved(page, "SVG");
  assert.ok(count(points, "circle") > rows * 0.9);
  const curves = await saved(page, "Curves as SVG");
  assert.ok(count(curves, "svg") > 4);
  assert.match(readFileSync(curves, "utf8"), /Energy by term/);
  // What stands alone has no need of the page's styles.
  assert.doesNotMatch(readFileSync(curves, "utf8") + readFileSync(points, "utf8"), /class=|var\(/);
  const alone = await visit(here.browser, `file://${curves}`);
  await picture(alone.page, "export-curves", false);
  await alone.page.context().close();
  await picture(page, "export-menu");
  await leave(seen);
});

test("the job file is taken by the command line and says seed and version, and what to cite is there", async () => {
  const seen = await openMenu();
  const { page } = seen;
  const file = await saved(page, "Job file");
  const text = readFileSync(file, "utf8");
  assert.match(text, new RegExp(`^# ${job}, computed by sliceflow \\d+\\.\\d+`));
  assert.match(text, /"seed": "7"/);
  const server = ["--server", here.daemon.grpc];
  assert.match(execFileSync(need("SLICEFLOW"), [...server, "validate", file], { encoding: "utf8" }), /valid/);
  const bibliography = readFileSync(await saved(page, "BibTeX"), "utf8");
  assert.match(bibliography, /@article\{bonet2022,/);
  assert.equal(bibliography.split("{").length, bibliography.split("}").length);
  await leave(seen);
});

test("a long export shows how far it is and can be cancelled", async () => {
  const many = await create(here.daemon, flowOf("Long", 400));
  const seen = await visit(here.browser, `${here.daemon.page}#/${many}`);
  const { page } = seen;
  await untilState(page, "SUCCEEDED");
  await untilPointsOf(page, 400);
  await page.getByText("Export", { exact: true }).click();
  await page.getByRole("button", { name: "GIF", exact: true }).click();
  await page.getByText(/GIF [1-9]\d* of 150 steps/).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("GIF: cancelled").waitFor();
  assert.ok(await page.getByRole("button", { name: "GIF", exact: true }).isEnabled());
  await leave(seen);
});
