// What the page computes itself, against what is known.
import assert from "node:assert/strict";
import { test } from "node:test";
import { envelope } from "../../../client/dashboard/src/chart/envelope.ts";
import { logTicks, ticks, tickTexts } from "../../../client/dashboard/src/chart/ticks.ts";
import { indexUpTo, merged } from "../../../client/dashboard/src/compare/places.ts";
import { gapsOf } from "../../../client/dashboard/src/job/gaps.ts";
import { obstacleOf } from "../../../client/dashboard/src/job/obstacle.ts";
import { commonDistanceName, distanceName, movedOf } from "../../../client/dashboard/src/job/moved.ts";
import { densityOf, levelAbove, levelLines } from "../../../client/dashboard/src/points/contours.ts";
import { dataTargetsOf } from "../../../client/dashboard/src/points/data_targets.ts";
import { exactGaussian, seenAlong, squaredDistance, targetsOf } from "../../../client/dashboard/src/points/gaussians.ts";
import { mainDirections } from "../../../client/dashboard/src/points/plane.ts";
import { TensorAssembler } from "../../../client/dashboard/src/server/tensor.ts";

type Spec = Parameters<typeof exactGaussian>[0];

function flowSpec(precision: number[], more: object = {}): Spec {
  const quadratic = { center: [1, -1], precision: { values: precision } };
  const terms = [
    { weight: 1, kind: { case: "potential", value: { kind: { case: "quadratic", value: quadratic } } } },
    { kind: { case: "entropy", value: {} } },
  ];
  return { dimension: 2, functional: { terms }, ...more } as unknown as Spec;
}

function near(actual: readonly number[] | undefined, expected: readonly number[]): void {
  assert.equal(actual?.length, expected.length);
  // Of a few roundings of numbers near 1.
  expected.forEach((value, i) =>
    assert.ok(Math.abs((actual?.[i] ?? Number.NaN) - value) < 1e-12, `${actual?.join(" ")} is not ${expected.join(" ")}`),
  );
}

test("an Ornstein–Uhlenbeck flow is where its closed form says", () => {
  const t = 0.3;
  const exact = exactGaussian(flowSpec([2, 0, 0, 0.5]), t);
  const [fast, slow] = [Math.exp(-2 * t), Math.exp(-0.5 * t)];
  near(exact?.mean, [1 - fast, -1 + slow]);
  near(exact?.covariance, [fast ** 2 + (1 - fast ** 2) / 2, 0, 0, slow ** 2 + (1 - slow ** 2) * 2]);
});

test("a flow in turned coordinates is the turned flow", () => {
  // Precision of eigenvalues 1 and 3 along the diagonals: from N(0, I) the covariance stays diagonal there.
  const exact = exactGaussian(flowSpec([2, 1, 1, 2]), 0.2);
  const e3 = Math.exp(-0.6);
  const e1 = Math.exp(-0.2);
  const along = e3 ** 2 + (1 - e3 ** 2) / 3;
  const across = e1 ** 2 + (1 - e1 ** 2);
  near(exact?.covariance, [(along + across) / 2, (along - across) / 2, (along - across) / 2, (along + across) / 2]);
});

test("the target is the inverse of the precision, and a late flow is there", () => {
  const spec = flowSpec([2, 0, 0, 0.5]);
  near(targetsOf(spec)[0]?.covariance, [0.5, 0, 0, 2]);
  near(exactGaussian(spec, 100)?.covariance, [0.5, 0, 0, 2]);
});

test("nothing is said to be exact of what has no closed form", () => {
  assert.equal(exactGaussian(flowSpec([1, 0, 0, 1], { initial: { kind: { case: "dirac", value: {} } } }), 1), undefined);
});

test("the distance between Gaussians of the plane", () => {
  const [x, y] = [
    [1, 0],
    [0, 1],
  ];
  const seen = (mean: number[], covariance: number[]) => seenAlong({ mean, covariance }, [0, 0], x, y);
  near([squaredDistance(seen([0, 0], [4, 0, 0, 9]), seen([3, 4], [1, 0, 0, 1]))], [25 + 1 + 4]);
  near([squaredDistance(seen([0, 0], [2, 1, 1, 2]), seen([0, 0], [2, 1, 1, 2]))], [0]);
});

test("a thinned course keeps its first, last and extreme values and its gaps", () => {
  const x = Array.from({ length: 10_000 }, (_, i) => i);
  const y = x.map((i) => (i === 4321 ? 100 : i === 4322 ? -100 : i === 7000 ? Number.NaN : Math.sin(i)));
  const runs = envelope({ x, y }, (value) => Math.floor(value / 100), Number.isFinite);
  const places = runs.flat();
  assert.equal(runs.length, 2);
  assert.ok(places.length < 500);
  assert.deepEqual([places[0]?.x, places.at(-1)?.x], [0, 9999]);
  assert.ok(places.some((place) => place.y === 100) && places.some((place) => place.y === -100));
  assert.ok(places.every((place, i) => i === 0 || place.x >= (places[i - 1]?.x ?? 0)));
});

test("a step's distance is the root of what is reported, with its error to first order", () => {
  assert.deepEqual(movedOf({ distanceSquared: 4, distanceStandardError: 0.4 }), { distance: 2, standardError: 0.1 });
  assert.deepEqual(movedOf({ distanceSquared: -1e-6, distanceStandardError: 0.4 }), { distance: 0, standardError: 0 });
  const spec = (kind?: string, value: object = {}) => ({ solver: { kind: { case: kind, value } } }) as unknown as Spec;
  assert.equal(distanceName(spec()), "SW₂");
  assert.equal(distanceName(spec("swJko", { variant: 2 })), "max-sliced W₂");
  assert.equal(distanceName(spec("mala")), "root mean square displacement");
  assert.equal(commonDistanceName([spec("pairedJko"), spec("jkoIcnn")]), "W₂ along the step's map");
  assert.equal(commonDistanceName([spec("pairedJko"), spec()]), "each solver's own distance");
});

test("data sets that points are drawn towards are found, each once", () => {
  const terms = [
    { kind: { case: "slicedWasserstein", value: { dataset: "datasets/a" } } },
    { kind: { case: "mmd", value: { dataset: "datasets/b" } }, weight: 2 },
    { kind: { case: "mmd", value: { dataset: "datasets/a" } } },
    { kind: { case: "mmd", value: { dataset: "datasets/repels" } }, weight: -1 },
    { kind: { case: "entropy", value: {} } },
  ];
  assert.deepEqual(dataTargetsOf({ functional: { terms } } as unknown as Spec), ["datasets/a", "datasets/b"]);
  assert.deepEqual(dataTargetsOf({} as Spec), []);
});

test("main directions are of all samples together, however many each has", () => {
  // Along x₁ each spreads by 1; along x₃ they are 20 apart.
  const samples = (at: number, count: number) => ({
    shape: [count, 3],
    values: Float32Array.from({ length: 3 * count }, (_, i) => (i % 3 === 0 ? Math.cos(i) : i % 3 === 2 ? at : 0)),
  });
  const { mean, axes } = mainDirections([samples(-10, 100), samples(10, 5000)], "both");
  assert.ok(Math.abs(Math.abs(axes[0][2] ?? 0) - 1) < 1e-3 && Math.abs(Math.abs(axes[1][0] ?? 0) - 1) < 1e-3);
  // 100 rows of the first, 1000 at most of the second.
  assert.ok(Math.abs(mean[2] ?? 0) < 9);
});

test("ticks are round and inside", () => {
  assert.deepEqual(ticks(0, 1, 4), [0, 0.5, 1]);
  assert.deepEqual(ticks(0, 3, 10, true), [0, 1, 2, 3]);
  assert.deepEqual(logTicks(0.01, 100), [0.01, 0.1, 1, 10, 100]);
});

test("what is written at ticks tells them apart, and is short", () => {
  assert.deepEqual(tickTexts([0, 0.5, 1]), ["0", "0.5", "1"]);
  assert.deepEqual(tickTexts([0, 1e9, 2e9]), ["0", "1e9", "2e9"]);
  assert.deepEqual(tickTexts([2_000_000, 2_500_000]), ["2000000", "2500000"]);
  assert.deepEqual(tickTexts([1e-9, 1e-6, 0.001, 1, 1000]), ["1e-9", "1e-6", "1e-3", "1", "1e3"]);
  // An energy that hardly moves, and one that differs by rounding alone.
  for (const [low, high] of [
    [0.05050028, 0.05050036],
    [0.1, 0.1 + 2 ** -50],
    [123_456_789, 123_456_791],
  ] as const) {
    const texts = tickTexts(ticks(low, high, 6));
    assert.equal(new Set(texts).size, texts.length, texts.join(" "));
    assert.ok(texts.every((text) => Number(text) >= low - 1e-9 && Number(text) <= high + 1e-9) && texts.length > 0, texts.join(" "));
  }
  assert.deepEqual(tickTexts([0.0505003123]), ["0.0505003"]);
  assert.deepEqual(tickTexts([]), []);
});

test("a queued job is told what it waits for where no worker fits it", () => {
  type Devices = Parameters<typeof obstacleOf>[1];
  const device = (name: string, more: object = {}) => ({ name, ready: true, healthy: true, problem: "", memoryBytes: 100n, ...more });
  const of = (asked: string, estimatedBytes: bigint, devices: object[]) =>
    obstacleOf({ device: asked, memory: { estimatedBytes } } as Parameters<typeof obstacleOf>[0], devices as unknown as Devices);
  assert.equal(of("any", 100n, [device("cpu")]), undefined);
  assert.equal(of("cpu", 1000n, [device("cpu", { memoryBytes: 0n })]), undefined);
  assert.deepEqual(of("", 1n, []), { device: "any", problems: [], mostBytes: undefined });
  assert.deepEqual(of("cuda:0", 1n, [device("cpu")]), { device: "cuda:0", problems: [], mostBytes: undefined });
  const failing = device("cpu", { healthy: false, problem: "ended five times" });
  assert.deepEqual(of("any", 1n, [failing, device("n/cpu", { ready: false })])?.problems, ["cpu: ended five times"]);
  assert.equal(of("any", 200n, [device("cpu"), device("n/cpu", { memoryBytes: 150n })])?.mostBytes, 150n);
});

test("the times of several jobs are merged, but for rounding each once", () => {
  const times = merged([
    [0, 0.1, 0.2, 0.30000000000000004],
    [0, 0.15, 0.3],
  ]);
  assert.deepEqual(times, [0, 0.1, 0.15, 0.2, 0.3]);
  // The last step up to a time; a time that came out of an address has lost its last digits.
  assert.equal(indexUpTo([0, 0.15, 0.3], 0.2), 1);
  assert.equal(indexUpTo([0, 0.1, 0.1 + 0.2], 0.3), 2);
  assert.equal(indexUpTo([], 1), 0);
});

test("level lines go about the points", () => {
  const values = Float32Array.from({ length: 20_000 }, (_, i) => {
    const angle = (2 * Math.PI * Math.floor(i / 2)) / 10_000;
    return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
  });
  const points = { key: "circle", values, count: 10_000, stride: 2, x: 0, y: 1 };
  const grid = densityOf(points, -2, -2, 4, 4, 80);
  const lines = levelLines(grid, levelAbove(grid, 0.5));
  assert.ok(lines.length > 50);
  // Half of the mass of a blurred circle lies near it.
  for (const [x, y] of lines) assert.ok(Math.abs(Math.hypot(x, y) - 1) < 0.4, `${x}, ${y}`);
});

test("samples in chunks are put together, and what does not fit is refused", () => {
  const chunk = (offset: number, data: number[], shape: number[], last: boolean) => ({
    shape: shape.map(BigInt),
    offset: BigInt(offset),
    data: new Uint8Array(Float32Array.from(data).buffer),
    last,
  });
  type Chunk = Parameters<TensorAssembler["add"]>[0];
  const assembler = new TensorAssembler();
  assert.equal(assembler.add(chunk(0, [1, 2], [2, 2], false) as unknown as Chunk), undefined);
  assert.deepEqual([...(assembler.add(chunk(8, [3, 4], [], true) as unknown as Chunk)?.values ?? [])], [1, 2, 3, 4]);
  const torn = new TensorAssembler();
  torn.add(chunk(0, [1, 2], [2, 2], false) as unknown as Chunk);
  assert.throws(() => torn.add(chunk(12, [4], [], true) as unknown as Chunk));
  assert.throws(() => new TensorAssembler().add(chunk(0, [1], [2, 2], true) as unknown as Chunk));
});

test("missing steps are told as runs", () => {
  assert.deepEqual(gapsOf([0, 1, 2]), []);
  assert.deepEqual(gapsOf([3, 4, 8]), [
    { from: 0, to: 2 },
    { from: 5, to: 7 },
  ]);
  assert.deepEqual(gapsOf([]), []);
});
