// Samples of a step as points of a plane: two of their coordinates, or their two main directions.
import type { Tensor } from "../server/tensor";
import type { Camera } from "./camera";

// Points of one step, as the GPU takes them: `stride` numbers a point, of which those at `x` and `y` are its place.
export interface Points {
  // Tells buffers apart: the same key, the same numbers.
  readonly key: string;
  readonly values: Float32Array;
  readonly count: number;
  readonly stride: number;
  readonly x: number;
  // −1 where there is one coordinate only; points are then spread over the height so that they can be told apart.
  readonly y: number;
}

// The points of one step, as a picture shows them.
export interface Layer {
  readonly points: Points | undefined;
  readonly label: string;
  // Which of the colours of series.
  readonly series: number;
}

// How samples are laid in the plane.
export type Projection =
  { readonly kind: "pair"; readonly x: number; readonly y: number } | { readonly kind: "main"; readonly basis: Basis };

// Where the middle of the plane is, and the directions of its axes, `dimension` numbers each.
export interface Basis {
  readonly key: string;
  readonly mean: Float64Array;
  readonly axes: readonly [Float64Array, Float64Array];
}

const maxRowsOfBasis = 2000;
const powerIterations = 60;
// WebGL takes strides below 256 bytes. Beyond that, or beyond what is worth keeping on the GPU, two coordinates are sent alone.
const maxStride = 63;
const maxWholeBytes = 48 * 1024 * 1024;

// `of`: what they are the points of, such as the number of a step.
export function place(tensor: Tensor, of: number | string, projection: Projection): Points {
  const [count = 0, dimension = 0] = tensor.shape;
  if (projection.kind === "main" && dimension > 2) {
    const values = projected(tensor, projection.basis);
    return { key: `${of}/${count}/${projection.basis.key}`, values, count, stride: 2, x: 0, y: 1 };
  }
  const { x, y } = projection.kind === "pair" ? projection : { x: 0, y: 1 };
  const inside = (axis: number) => Math.max(0, Math.min(axis, dimension - 1));
  if (dimension > maxStride || tensor.values.byteLength > maxWholeBytes) {
    const key = `${of}/${count}/${inside(x)},${inside(y)}`;
    return { key, values: picked(tensor, inside(x), inside(y)), count, stride: 2, x: 0, y: 1 };
  }
  const layout = { count, stride: dimension, x: inside(x), y: dimension > 1 ? inside(y) : -1 };
  return { key: `${of}/${count}`, values: tensor.values, ...layout };
}

function picked(tensor: Tensor, x: number, y: number): Float32Array {
  const [count = 0, dimension = 0] = tensor.shape;
  const values = new Float32Array(2 * count);
  for (let row = 0; row < count; row += 1) {
    values[2 * row] = tensor.values[row * dimension + x] ?? 0;
    values[2 * row + 1] = tensor.values[row * dimension + y] ?? 0;
  }
  return values;
}

function projected(tensor: Tensor, basis: Basis): Float32Array {
  const [count = 0, dimension = 0] = tensor.shape;
  const [first, second] = basis.axes;
  const values = new Float32Array(2 * count);
  for (let row = 0; row < count; row += 1) {
    let x = 0;
    let y = 0;
    for (let i = 0; i < dimension; i += 1) {
      const centred = (tensor.values[row * dimension + i] ?? 0) - (basis.mean[i] ?? 0);
      x += centred * (first[i] ?? 0);
      y += centred * (second[i] ?? 0);
    }
    values[2 * row] = x;
    values[2 * row + 1] = y;
  }
  return values;
}

// The two directions in which all samples together spread most (principal components), by power iteration over at most 2000 rows, of each
// tensor as many. They have one dimension.
export function mainDirections(tensors: readonly Tensor[], key: string): Basis {
  const dimension = tensors[0]?.shape[1] ?? 0;
  const most = Math.floor(maxRowsOfBasis / Math.max(1, tensors.length));
  const rows = tensors.flatMap((tensor) => someRows(tensor, most));
  const mean = new Float64Array(dimension);
  for (const row of rows) for (let i = 0; i < dimension; i += 1) mean[i] = (mean[i] ?? 0) + (row[i] ?? 0) / rows.length;
  for (const row of rows) for (let i = 0; i < dimension; i += 1) row[i] = (row[i] ?? 0) - (mean[i] ?? 0);
  const first = direction(rows, dimension, undefined);
  return { key, mean, axes: [first, direction(rows, dimension, first)] };
}

function someRows({ shape, values }: Tensor, most: number): Float64Array[] {
  const [count = 0, dimension = 0] = shape;
  const every = Math.max(1, Math.ceil(count / most));
  const rows: Float64Array[] = [];
  for (let row = 0; row < count; row += every) rows.push(Float64Array.from(values.subarray(row * dimension, (row + 1) * dimension)));
  return rows;
}

function direction(rows: readonly Float64Array[], dimension: number, without: Float64Array | undefined): Float64Array {
  let axis = Float64Array.from({ length: dimension }, (_, i) => 1 + ((i * 7919) % 13) / 13);
  for (let iteration = 0; iteration < powerIterations; iteration += 1) {
    const next = new Float64Array(dimension);
    for (const row of rows) {
      const along = dot(row, axis);
      for (let i = 0; i < dimension; i += 1) next[i] = (next[i] ?? 0) + along * (row[i] ?? 0);
    }
    const overlap = without === undefined ? 0 : dot(next, without);
    if (without !== undefined) for (let i = 0; i < dimension; i += 1) next[i] = (next[i] ?? 0) - overlap * (without[i] ?? 0);
    const norm = Math.sqrt(dot(next, next));
    if (!(norm > 0)) break;
    axis = next.map((value) => value / norm);
  }
  return axis;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

// The lowest and highest value of either coordinate, without what is not finite.
export function boundsOf(points: Points): { readonly low: readonly [number, number]; readonly high: readonly [number, number] } {
  const low: [number, number] = [Infinity, Infinity];
  const high: [number, number] = [-Infinity, -Infinity];
  for (let row = 0; row < points.count; row += 1) {
    const x = points.values[row * points.stride + points.x] ?? 0;
    const y = points.y < 0 ? 0 : (points.values[row * points.stride + points.y] ?? 0);
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    low[0] = Math.min(low[0], x);
    high[0] = Math.max(high[0], x);
    low[1] = Math.min(low[1], y);
    high[1] = Math.max(high[1], y);
  }
  return { low, high };
}

// A camera that shows all points, with a margin.
export function cameraFor(points: readonly Points[]): Camera {
  const bounds = points.filter((each) => each.count > 0).map(boundsOf);
  const low = [0, 1].map((axis) => Math.min(...bounds.map((each) => each.low[axis as 0 | 1])));
  const high = [0, 1].map((axis) => Math.max(...bounds.map((each) => each.high[axis as 0 | 1])));
  const [left = 0, bottom = 0] = low;
  const [right = 0, top = 0] = high;
  if (!Number.isFinite(left + right + bottom + top)) return { x: 0, y: 0, radius: 1 };
  return { x: (left + right) / 2, y: (bottom + top) / 2, radius: (Math.max(right - left, top - bottom) / 2) * 1.08 || 1 };
}
