// Closed forms beside the points, against what integrals and other computations say.
import assert from "node:assert/strict";
import { test } from "node:test";
import { aggregationLaw } from "../../../client/dashboard/src/points/aggregation.ts";
import { barenblattLaw, logGamma } from "../../../client/dashboard/src/points/barenblatt.ts";
import { kellerSegelLaw } from "../../../client/dashboard/src/points/keller_segel.ts";
import { measure } from "../../../client/dashboard/src/points/sphere.ts";

type Spec = Parameters<typeof aggregationLaw>[0];
interface Term {
  readonly weight?: number;
  readonly kind: object;
}

function specOf(dimension: number, terms: readonly Term[], initial?: object): Spec {
  return { dimension, functional: { terms }, ...(initial === undefined ? {} : { initial: { kind: initial } }) } as unknown as Spec;
}

function near(actual: number | undefined, expected: number, tolerance: number): void {
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) <= tolerance, `${actual} is not ${expected}`);
}

const dirac = (point: number[]) => ({ case: "dirac", value: { point } });
const gaussian = (mean: number[], values: number[]) => ({ case: "gaussian", value: { mean, covariance: { values } } });
const porous = (exponent?: number, weight?: number): Term => ({
  ...(weight === undefined ? {} : { weight }),
  kind: { case: "porousMedium", value: exponent === undefined ? {} : { exponent } },
});
const interaction = (kernel: string, value: object, weight?: number): Term => ({
  ...(weight === undefined ? {} : { weight }),
  kind: { case: "interaction", value: { kernel: { case: kernel, value } } },
});
const entropy: Term = { kind: { case: "entropy", value: {} } };

test("the logarithm of Γ is that of factorials and of √π", () => {
  // Relative to the sums of logarithms, some roundings.
  near(logGamma(0.5), Math.log(Math.PI) / 2, 1e-12);
  let factorial = 1;
  for (let n = 1; n <= 20; n += 1) {
    near(logGamma(n), Math.log(factorial), 1e-11);
    factorial *= n;
  }
});

// The integral over the ball of a function of the radius; x = R sin φ takes the root at the profile's edge away.
function overBall(d: number, radius: number, of: (r: number) => number): number {
  const surface = (2 * Math.PI ** (d / 2)) / Math.exp(logGamma(d / 2));
  const cells = 20_000;
  let sum = 0;
  for (let i = 0; i < cells; i += 1) {
    const angle = (((i + 0.5) / cells) * Math.PI) / 2;
    const r = radius * Math.sin(angle);
    sum += of(r) * r ** (d - 1) * radius * Math.cos(angle);
  }
  return (surface * sum * Math.PI) / 2 / cells;
}

test("Barenblatt's profile has unit mass and the second moment that is told, by quadrature", () => {
  for (const d of [1, 2, 3, 5]) {
    for (const m of [1.5, 2, 3]) {
      const time = 0.7;
      const law = barenblattLaw(specOf(d, [porous(m)], dirac(new Array<number>(d).fill(1))), time);
      assert.ok(law !== undefined);
      assert.deepEqual(law.centre, new Array<number>(d).fill(1));
      // ρ = t^{−α} (κ t^{−2β} (R² − |x|²))^{1/(m − 1)}, from the formula and the radius alone.
      const alpha = d / (d * (m - 1) + 2);
      const beta = alpha / d;
      const kappa = (beta * (m - 1)) / (2 * m);
      const density = (r: number) => time ** -alpha * (kappa * time ** (-2 * beta) * (law.radius ** 2 - r * r)) ** (1 / (m - 1));
      // The midpoint rule of 20,000 cells is off by some 1e-9 here; a wrong constant by percents.
      near(overBall(d, law.radius, density), 1, 1e-7);
      near(
        overBall(d, law.radius, (r) => r * r * density(r)),
        law.mean,
        1e-7 * law.mean,
      );
    }
  }
});

test("Barenblatt's profile in the plane with m = 2 is the one known by hand, and a weight speeds time up", () => {
  // κ = 1/16 and C = √(2κ/π), by hand; a few roundings.
  const moment = ((Math.sqrt(2 / 16 / Math.PI) / (1 / 16)) * Math.sqrt(2)) / 3;
  near(barenblattLaw(specOf(2, [porous()], dirac([])), 2)?.mean, moment, 1e-11);
  near(barenblattLaw(specOf(2, [porous(2, 4)], dirac([])), 0.5)?.mean, moment, 1e-11);
  assert.equal(barenblattLaw(specOf(2, [porous()], dirac([])), 0)?.radius, 0);
});

// The pull on the point at radius R from the uniform law of the sphere of radius R, under W'(z) = (|z|² − 1) z, by quadrature.
function pullOnSphere(d: number, radius: number): number {
  const cells = 20_000;
  let [sum, mass] = [0, 0];
  for (let i = 0; i < cells; i += 1) {
    const angle = ((i + 0.5) / cells) * Math.PI;
    const weight = Math.sin(angle) ** (d - 2);
    const squared = 2 * radius * radius * (1 - Math.cos(angle));
    sum += weight * (squared - 1) * radius * (1 - Math.cos(angle));
    mass += weight;
  }
  return sum / mass;
}

test("aggregation rests on the sphere where attraction and repulsion balance, by quadrature", () => {
  for (const d of [2, 3, 4, 7]) {
    const law = aggregationLaw(specOf(d, [interaction("powerLaw", {})]));
    assert.ok(law !== undefined);
    // The rule's own error at the ends of the angle is some 1e-9; at a radius 1 % off the pull is 0.01.
    near(pullOnSphere(d, law.radius), 0, 1e-7);
    assert.ok(Math.abs(pullOnSphere(d, law.radius * 1.01)) > 1e-3);
  }
  near(aggregationLaw(specOf(2, [interaction("powerLaw", {})]))?.radius, 1 / Math.sqrt(3), 1e-15);
  // On the line two halves a distance of 1, the minimum of W, apart.
  near(aggregationLaw(specOf(1, [interaction("powerLaw", { attraction: 4, repulsion: 2 }, 3)]))?.radius, 0.5, 1e-15);
});

test("the sphere lies about the initial distribution's centre of mass", () => {
  const term = interaction("powerLaw", {});
  const centre = (initial: object) => aggregationLaw(specOf(2, [term], initial))?.centre;
  assert.deepEqual(centre(gaussian([1, 2], [])), [1, 2]);
  assert.deepEqual(centre({ case: "ring", value: { center: [3, 1] } }), [3, 1]);
  assert.deepEqual(centre({ case: "uniformBox", value: { lower: [0, -2], upper: [4, 0] } }), [2, -1]);
  assert.deepEqual(centre({ case: "uniformBox", value: { lower: [], upper: [] } }), [0, 0]);
  const components = [{ weight: 3, mean: [4, 0] }, { mean: [] }];
  assert.deepEqual(centre({ case: "mixture", value: { components } }), [3, 0]);
  assert.equal(centre({ case: "dataset", value: {} }), undefined);
  assert.equal(centre(dirac([])), undefined);
});

test("the second moment of Keller–Segel grows at the known rate", () => {
  const terms = (chi: number) => [entropy, interaction("kellerSegel", { chi })];
  // χ = 4π: the rate is 2, from E|x − c|² = 3 of the covariance.
  near(kellerSegelLaw(specOf(2, terms(4 * Math.PI), gaussian([1, 0], [2, 0, 0, 1])), 0.5)?.mean, 4, 1e-12);
  near(kellerSegelLaw(specOf(2, terms(4 * Math.PI)), 0.5)?.radius, Math.sqrt(3), 1e-12);
  // χ → 0 is the heat equation, E|x|² = 2 + 4t.
  near(kellerSegelLaw(specOf(2, terms(1e-12)), 1)?.mean, 6, 1e-11);
});

test("nothing is said where no closed form is known", () => {
  assert.equal(barenblattLaw(specOf(2, [porous()]), 1), undefined);
  assert.equal(barenblattLaw(specOf(2, [porous(), entropy], dirac([])), 1), undefined);
  assert.equal(aggregationLaw(specOf(2, [interaction("powerLaw", { attraction: 3 })])), undefined);
  assert.equal(aggregationLaw(specOf(2, [interaction("powerLaw", {}, -1)])), undefined);
  assert.equal(aggregationLaw(specOf(2, [interaction("powerLaw", {}), entropy])), undefined);
  assert.equal(aggregationLaw(specOf(2, [interaction("morse", {})])), undefined);
  const chemotaxis = (chi: number, softening: number) => [entropy, interaction("kellerSegel", { chi, softening })];
  assert.equal(kellerSegelLaw(specOf(2, chemotaxis(9 * Math.PI, 0)), 0.1), undefined);
  assert.equal(kellerSegelLaw(specOf(2, chemotaxis(1, 0.5)), 0.1), undefined);
  assert.equal(kellerSegelLaw(specOf(3, chemotaxis(1, 0)), 0.1), undefined);
});

test("points are measured about a law's centre", () => {
  const law = { title: "", meaning: "", centre: [1, 1], radius: 1, mean: 1 };
  const tensor = { shape: [2, 2], values: Float32Array.of(4, 5, 1, 1) };
  assert.deepEqual(measure(tensor, { ...law, power: 1 }), { offCentre: 2.5, mean: 2.5 });
  assert.deepEqual(measure(tensor, { ...law, power: 2 }), { offCentre: 2.5, mean: 12.5 });
});
