// Gaussians that a flow is compared with: where it goes, and where a closed form says that it is.
import type { FlowSpec } from "contract/sliceflow/v1/flow_pb";
import type { Potential } from "contract/sliceflow/v1/functional_pb";

// A Gaussian of d dimensions; the covariance is row-major.
export interface Gaussian {
  readonly mean: readonly number[];
  readonly covariance: readonly number[];
}

// A Gaussian of the plane: covariance xx, xy, yy.
export interface PlaneGaussian {
  readonly mean: readonly [number, number];
  readonly covariance: readonly [number, number, number];
}

// Beyond it the eigenvalues take longer than a frame.
const maxDimension = 64;
const maxSweeps = 60;

interface QuadraticFlow {
  // V(x) = ½ (x − center)ᵀ precision (x − center), the term's weight included; none for diffusion alone.
  readonly center: readonly number[];
  readonly precision: readonly number[];
  // Weight of the entropy.
  readonly diffusion: number;
}

export function identity(dimension: number): number[] {
  return Array.from({ length: dimension * dimension }, (_, i) => (i % (dimension + 1) === 0 ? 1 : 0));
}

function filled(values: readonly number[], length: number): readonly number[] {
  return values.length === length ? values : new Array<number>(length).fill(0);
}

function matrix(values: readonly number[] | undefined, dimension: number): readonly number[] {
  return values !== undefined && values.length === dimension * dimension ? values : identity(dimension);
}

// The functional as quadratic potential and entropy, where it is no more than that.
function quadraticFlow(spec: FlowSpec): QuadraticFlow | undefined {
  const d = spec.dimension;
  let flow: QuadraticFlow = { center: filled([], d), precision: new Array<number>(d * d).fill(0), diffusion: 0 };
  let quadratics = 0;
  for (const term of spec.functional?.terms ?? []) {
    const weight = term.weight ?? 1;
    const { kind } = term;
    if (kind.case === "entropy") flow = { ...flow, diffusion: flow.diffusion + weight };
    else if (kind.case === "potential" && kind.value.kind.case === "quadratic" && quadratics === 0 && weight > 0) {
      const { center, precision } = kind.value.kind.value;
      flow = { ...flow, center: filled(center, d), precision: matrix(precision?.values, d).map((value) => value * weight) };
      quadratics += 1;
    } else return undefined;
  }
  return flow;
}

function initialOf(spec: FlowSpec): Gaussian | undefined {
  const kind = spec.initial?.kind;
  if (kind !== undefined && kind.case !== undefined && kind.case !== "gaussian") return undefined;
  const gaussian = kind?.case === "gaussian" ? kind.value : undefined;
  return { mean: filled(gaussian?.mean ?? [], spec.dimension), covariance: matrix(gaussian?.covariance?.values, spec.dimension) };
}

// The law of the Wasserstein flow at a time of its clock, where it is known (Uhlenbeck & Ornstein 1930; the heat equation where there is
// no potential): m = b + e^{−tA}(m₀ − b), Σ = e^{−tA} Σ₀ e^{−tA} + D A⁻¹ (I − e^{−2tA}), D the weight of the entropy.
export function exactGaussian(spec: FlowSpec, time: number): Gaussian | undefined {
  const d = spec.dimension;
  if (d > maxDimension) return undefined;
  const flow = quadraticFlow(spec);
  const initial = initialOf(spec);
  if (flow === undefined || initial === undefined) return undefined;
  const { values, vectors } = eigen(flow.precision, d);
  // In the eigenvectors' coordinates every direction goes its own way.
  const into = (x: readonly number[]) => vectors.map((axis) => dot(axis, x));
  const center = into(flow.center);
  const start = into(initial.mean);
  const decay = values.map((value) => Math.exp(-time * value));
  const mean = start.map((m, i) => (center[i] ?? 0) + (decay[i] ?? 1) * (m - (center[i] ?? 0)));
  const spread = values.map((value) =>
    value > 1e-12 ? (flow.diffusion * (1 - Math.exp(-2 * time * value))) / value : 2 * flow.diffusion * time,
  );
  const covariance = vectors.map((a, i) =>
    vectors.map((b, j) => (decay[i] ?? 1) * (decay[j] ?? 1) * form(initial.covariance, a, b) + (i === j ? (spread[i] ?? 0) : 0)),
  );
  return { mean: back(vectors, mean), covariance: backMatrix(vectors, covariance) };
}

// Where the flow comes to rest, as far as the specification says it: e^{−V} for a potential and an entropy of one weight, or for a relative
// entropy.
export function targetsOf(spec: FlowSpec): readonly Gaussian[] {
  const terms = spec.functional?.terms ?? [];
  const [first, second] = terms;
  if (terms.length === 1 && first?.kind.case === "relativeEntropy") return ofPotential(first.kind.value.potential, spec.dimension, 1);
  if (terms.length !== 2) return [];
  const potential = [first, second].find((term) => term?.kind.case === "potential");
  const entropy = [first, second].find((term) => term?.kind.case === "entropy");
  if (potential?.kind.case !== "potential" || entropy === undefined) return [];
  return ofPotential(potential.kind.value, spec.dimension, (entropy.weight ?? 1) / (potential.weight ?? 1));
}

function ofPotential(potential: Potential | undefined, d: number, temperature: number): readonly Gaussian[] {
  const kind = potential?.kind;
  if (kind?.case === "gaussianMixture" && temperature === 1) {
    return kind.value.components.map((each) => ({ mean: filled(each.mean, d), covariance: matrix(each.covariance?.values, d) }));
  }
  if (kind?.case !== "quadratic" || d > maxDimension || !(temperature > 0)) return [];
  const { values, vectors } = eigen(matrix(kind.value.precision?.values, d), d);
  const covariance = backMatrix(
    vectors,
    values.map((value, i) => values.map((_, j) => (i === j ? temperature / value : 0))),
  );
  return [{ mean: filled(kind.value.center, d), covariance }];
}

// As seen along two axes of `dimension` numbers each, from a point.
export function seenAlong(gaussian: Gaussian, origin: ArrayLike<number>, x: ArrayLike<number>, y: ArrayLike<number>): PlaneGaussian {
  const centred = gaussian.mean.map((value, i) => value - (origin[i] ?? 0));
  return {
    mean: [dot(x, centred), dot(y, centred)],
    covariance: [form(gaussian.covariance, x, x), form(gaussian.covariance, x, y), form(gaussian.covariance, y, y)],
  };
}

// W2² between Gaussians of the plane (Dowson & Landau 1982; in the plane tr √M = √(tr M + 2 √det M)).
export function squaredDistance(a: PlaneGaussian, b: PlaneGaussian): number {
  const [axx, axy, ayy] = a.covariance;
  const [bxx, bxy, byy] = b.covariance;
  const determinants = Math.max(0, axx * ayy - axy * axy) * Math.max(0, bxx * byy - bxy * bxy);
  const crossed = axx * bxx + 2 * axy * bxy + ayy * byy;
  const means = (a.mean[0] - b.mean[0]) ** 2 + (a.mean[1] - b.mean[1]) ** 2;
  return means + Math.max(0, axx + ayy + bxx + byy - 2 * Math.sqrt(Math.max(0, crossed + 2 * Math.sqrt(determinants))));
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

// aᵀ M b.
function form(m: readonly number[], a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) for (let j = 0; j < b.length; j += 1) sum += (a[i] ?? 0) * (m[i * b.length + j] ?? 0) * (b[j] ?? 0);
  return sum;
}

function back(vectors: readonly (readonly number[])[], coordinates: readonly number[]): number[] {
  return vectors.map((_, k) => vectors.reduce((sum, axis, i) => sum + (axis[k] ?? 0) * (coordinates[i] ?? 0), 0));
}

function backMatrix(vectors: readonly (readonly number[])[], inner: readonly (readonly number[])[]): number[] {
  const d = vectors.length;
  const half = inner.map((row) => back(vectors, row));
  const columns = Array.from({ length: d }, (_, k) =>
    back(
      vectors,
      half.map((row) => row[k] ?? 0),
    ),
  );
  return Array.from({ length: d * d }, (_, i) => columns[i % d]?.[Math.floor(i / d)] ?? 0);
}

// Eigenvalues of a symmetric matrix and their vectors, by Jacobi's rotations.
function eigen(symmetric: readonly number[], d: number): { readonly values: number[]; readonly vectors: number[][] } {
  const a = Array.from({ length: d }, (_, i) => symmetric.slice(i * d, (i + 1) * d));
  const v = Array.from({ length: d }, (_, i) => Array.from({ length: d }, (__, j) => (i === j ? 1 : 0)));
  const scale = Math.max(1e-300, ...symmetric.map(Math.abs));
  for (let sweep = 0; sweep < maxSweeps; sweep += 1) {
    let off = 0;
    for (let p = 0; p < d; p += 1) for (let q = p + 1; q < d; q += 1) off = Math.max(off, rotate(a, v, p, q));
    if (off < 1e-14 * scale) break;
  }
  return { values: a.map((row, i) => row[i] ?? 0), vectors: v };
}

// Makes the entry at (p, q) 0 and answers how large it was. Rows of `v` become the eigenvectors.
function rotate(a: number[][], v: number[][], p: number, q: number): number {
  const at = (i: number, j: number) => a[i]?.[j] ?? 0;
  const entry = at(p, q);
  if (entry === 0) return 0;
  const theta = (at(q, q) - at(p, p)) / (2 * entry);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  const mix = (rows: number[][]) => {
    const first = rows[p] ?? [];
    const second = rows[q] ?? [];
    rows[p] = first.map((value, k) => c * value - s * (second[k] ?? 0));
    rows[q] = first.map((value, k) => s * value + c * (second[k] ?? 0));
  };
  mix(a);
  for (const row of a) {
    const first = row[p] ?? 0;
    const second = row[q] ?? 0;
    row[p] = c * first - s * second;
    row[q] = s * first + c * second;
  }
  mix(v);
  return Math.abs(entry);
}
