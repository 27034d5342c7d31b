// What lies below the points and moves with them: axes, and the ways of picked rows.
import { ticks, tickTexts } from "../chart/ticks";
import { type Camera, type Size, toPixel, toPoint } from "./camera";

export interface Trail {
  readonly row: number;
  // Where the row was, step by step.
  readonly places: readonly { readonly x: number; readonly y: number }[];
}

export function Axes({ camera, size, names }: { readonly camera: Camera; readonly size: Size; readonly names: readonly [string, string] }) {
  const low = toPoint(camera, size, 0, size.height);
  const high = toPoint(camera, size, size.width, 0);
  const about = (length: number) => Math.max(2, Math.floor(length / 90));
  const across = ticks(low.x, high.x, about(size.width));
  const up = names[1] === "" ? [] : ticks(low.y, high.y, about(size.height));
  const [acrossTexts, upTexts] = [tickTexts(across), tickTexts(up)];
  return (
    <g class="grid">
      {across.map((value, i) => {
        const { x } = toPixel(camera, size, value, 0);
        return (
          <g key={`x${value}`}>
            <line x1={x} x2={x} y1={0} y2={size.height} />
            <text x={x + 3} y={size.height - 4}>
              {acrossTexts[i]}
            </text>
          </g>
        );
      })}
      {up.map((value, i) => {
        const { y } = toPixel(camera, size, 0, value);
        return (
          <g key={`y${value}`}>
            <line x1={0} x2={size.width} y1={y} y2={y} />
            <text x={3} y={y - 3}>
              {upTexts[i]}
            </text>
          </g>
        );
      })}
      <text class="axis-name" x={size.width - 6} y={size.height - 18} text-anchor="end">
        {names[0]} →
      </text>
      <text class="axis-name" x={6} y={14}>
        {names[1] === "" ? "" : `↑ ${names[1]}`}
      </text>
    </g>
  );
}

export function Trails({ trails, camera, size }: { readonly trails: readonly Trail[]; readonly camera: Camera; readonly size: Size }) {
  return (
    <g class="trails">
      {trails.map((trail, i) => {
        const pixels = trail.places.map((place) => toPixel(camera, size, place.x, place.y));
        const last = pixels.at(-1);
        return (
          <g key={trail.row} class={`series s${(i + 1) % 8}`}>
            <polyline class="line" points={pixels.map((pixel) => `${pixel.x.toFixed(1)},${pixel.y.toFixed(1)}`).join(" ")} />
            {last !== undefined && <circle cx={last.x} cy={last.y} r="5" />}
          </g>
        );
      })}
    </g>
  );
}
