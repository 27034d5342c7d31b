// Lines of equal density about points: a histogram of the view, smoothed, and its level lines.
import type { Points } from "./plane";

export interface Grid {
  readonly left: number;
  readonly bottom: number;
  // Length of a cell's side in the points' coordinates.
  readonly cell: number;
  readonly columns: number;
  readonly rows: number;
  // Points a cell, smoothed, row by row from the bottom.
  readonly values: Float32Array;
}

// Two ends, in the points' coordinates.
export type Segment = readonly [number, number, number, number];

const passes = 3;

// Points that are not in the box are left out.
export function densityOf(points: Points, left: number, bottom: number, width: number, height: number, columns: number): Grid {
  const cell = width / columns;
  const rows = Math.max(2, Math.ceil(height / cell));
  const values = new Float32Array(columns * rows);
  for (let row = 0; row < points.count; row += 1) {
    const i = Math.floor(((points.values[row * points.stride + points.x] ?? 0) - left) / cell);
    const j = Math.floor(((points.values[row * points.stride + Math.max(points.y, 0)] ?? 0) - bottom) / cell);
    if (i >= 0 && i < columns && j >= 0 && j < rows) values[j * columns + i] = (values[j * columns + i] ?? 0) + 1;
  }
  // Few points need a wider eye: about n^(−1/6) of the view, as Scott's rule has it in the plane.
  const reach = Math.max(1, Math.round((columns / 12) * Math.max(1, points.count) ** (-1 / 6)));
  for (let pass = 0; pass < passes; pass += 1) {
    blur(values, columns, rows, 1, columns, reach);
    blur(values, rows, columns, columns, 1, reach);
  }
  return { left, bottom, cell, columns, rows, values };
}

// A moving mean of 2·reach + 1 cells along lines of `length` cells that are `step` apart; three of them come near to a Gaussian.
function blur(values: Float32Array, length: number, lines: number, step: number, between: number, reach: number): void {
  const line = new Float32Array(length);
  for (let l = 0; l < lines; l += 1) {
    let sum = 0;
    for (let k = 0; k < length; k += 1) line[k] = values[l * between + k * step] ?? 0;
    for (let k = 0; k < Math.min(reach, length); k += 1) sum += line[k] ?? 0;
    for (let k = 0; k < length; k += 1) {
      sum += (line[k + reach] ?? 0) - (line[k - reach - 1] ?? 0);
      values[l * between + k * step] = sum / (2 * reach + 1);
    }
  }
}

// The level that this share of the mass lies above.
export function levelAbove(grid: Grid, share: number): number {
  const sorted = Float32Array.from(grid.values).sort().reverse();
  const total = sorted.reduce((sum, value) => sum + value, 0);
  let sum = 0;
  for (const value of sorted) {
    sum += value;
    if (sum >= share * total) return value;
  }
  return 0;
}

// Marching squares between the middles of cells.
export function levelLines(grid: Grid, level: number): Segment[] {
  const segments: Segment[] = [];
  if (!(level > 0)) return segments;
  const at = (i: number, j: number) => grid.values[j * grid.columns + i] ?? 0;
  for (let j = 0; j + 1 < grid.rows; j += 1) {
    for (let i = 0; i + 1 < grid.columns; i += 1) {
      const corners = [at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)] as const;
      if (corners.every((value) => value >= level) || corners.every((value) => value < level)) continue;
      const ends = crossings(corners, level);
      const place = ([x, y]: readonly [number, number]) =>
        [grid.left + (i + 0.5 + x) * grid.cell, grid.bottom + (j + 0.5 + y) * grid.cell] as const;
      for (let k = 0; k + 1 < ends.length; k += 2) {
        const [first, second] = [ends[k], ends[k + 1]];
        if (first !== undefined && second !== undefined) segments.push([...place(first), ...place(second)]);
      }
    }
  }
  return segments;
}

const cornerPlaces = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
] as const;

function crossings(corners: readonly number[], level: number): (readonly [number, number])[] {
  return cornerPlaces.flatMap((from, k) => {
    const to = cornerPlaces[(k + 1) % 4] ?? from;
    const a = corners[k] ?? 0;
    const b = corners[(k + 1) % 4] ?? 0;
    if (a >= level === b >= level) return [];
    const share = (level - a) / (b - a);
    return [[from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])] as const];
  });
}
