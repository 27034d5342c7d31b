// The picture of a step's points: moved and zoomed by pointer, fingers and keys.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { theme } from "../theme";
import { useSize } from "../size";
import { figure } from "../words";
import { type Camera, panned, type Size, toPixel, toPoint, zoomed } from "./camera";
import { ticks } from "../chart/ticks";
import { Gestures } from "./gestures";
import { type Overlay, Overlays } from "./overlays";
import type { Points } from "./plane";
import { Stage } from "./stage";

export interface Trail {
  readonly row: number;
  // Where the row was, step by step.
  readonly places: readonly { readonly x: number; readonly y: number }[];
}

interface Properties {
  readonly points: Points | undefined;
  readonly label: string;
  readonly names: readonly [string, string];
  readonly camera: Camera;
  readonly onCamera: (camera: Camera | undefined) => void;
  // How long a step is shown while it plays.
  readonly periodMs: number;
  readonly trails: readonly Trail[];
  readonly overlay: Overlay;
  readonly onPick: (row: number) => void;
}

const keyPan = 40;
const keyZoom = 1.25;
const pickWithin = 12;

function Axes({ camera, size, names }: { readonly camera: Camera; readonly size: Size; readonly names: readonly [string, string] }) {
  const low = toPoint(camera, size, 0, size.height);
  const high = toPoint(camera, size, size.width, 0);
  const about = (length: number) => Math.max(2, Math.floor(length / 90));
  return (
    <g class="grid">
      {ticks(low.x, high.x, about(size.width)).map((value) => {
        const { x } = toPixel(camera, size, value, 0);
        return (
          <g key={`x${value}`}>
            <line x1={x} x2={x} y1={0} y2={size.height} />
            <text x={x + 3} y={size.height - 4}>
              {figure(value)}
            </text>
          </g>
        );
      })}
      {names[1] !== "" &&
        ticks(low.y, high.y, about(size.height)).map((value) => {
          const { y } = toPixel(camera, size, 0, value);
          return (
            <g key={`y${value}`}>
              <line x1={0} x2={size.width} y1={y} y2={y} />
              <text x={3} y={y - 3}>
                {figure(value)}
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

function Trails({ trails, camera, size }: { readonly trails: readonly Trail[]; readonly camera: Camera; readonly size: Size }) {
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

// The row whose point is nearest to a pixel, if any is near.
function rowUnder(points: Points, camera: Camera, size: Size, x: number, y: number): number | undefined {
  if (points.y < 0) return undefined;
  const at = toPoint(camera, size, x, y);
  const reach = Math.abs(toPoint(camera, size, x + pickWithin, y).x - at.x);
  let best: number | undefined;
  let least = reach * reach;
  for (let row = 0; row < points.count; row += 1) {
    const dx = (points.values[row * points.stride + points.x] ?? 0) - at.x;
    const dy = (points.values[row * points.stride + points.y] ?? 0) - at.y;
    const squared = dx * dx + dy * dy;
    if (!(squared < least)) continue;
    least = squared;
    best = row;
  }
  return best;
}

export function PointsView({ points, label, names, camera, onCamera, periodMs, trails, overlay, onPick }: Properties) {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const stage = useRef<Stage | undefined>(undefined);
  const problem = useSignal("");
  const size = useSize(frame);
  const gestures = useRef<Gestures>(new Gestures());

  useEffect(() => {
    if (canvas.current === null) return undefined;
    try {
      stage.current = new Stage(canvas.current);
    } catch (error) {
      problem.value = `Points cannot be drawn here: ${String(error)}. The table below has them.`;
    }
    return () => stage.current?.close();
  }, []);
  useEffect(() => stage.current?.recolor(), [theme.value]);
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const recolor = () => stage.current?.recolor();
    dark.addEventListener("change", recolor);
    return () => dark.removeEventListener("change", recolor);
  }, []);
  useEffect(() => stage.current?.show(points, periodMs), [points]);
  useEffect(() => stage.current?.look(camera, size.value), [camera, size.value]);
  // Preact's own listeners of the wheel are passive, and the page behind would scroll.
  useEffect(() => {
    const element = frame.current;
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      onCamera(zoomed(camera, size.value, Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY));
    };
    element?.addEventListener("wheel", wheel, { passive: false });
    return () => element?.removeEventListener("wheel", wheel);
  }, [camera]);

  const key = (event: KeyboardEvent) => {
    const moved = cameraAfterKey(event.key, camera, size.value);
    if (moved === undefined && event.key !== "0") return;
    event.preventDefault();
    onCamera(moved);
  };
  const released = (event: PointerEvent) => {
    const clicked = gestures.current.up(event);
    if (clicked === undefined || points === undefined) return;
    const row = rowUnder(points, camera, size.value, clicked.x, clicked.y);
    if (row !== undefined) onPick(row);
  };
  return (
    <div
      class="points"
      ref={frame}
      role="group"
      aria-label="Picture of the points: arrow keys move, + and − zoom, 0 shows all"
      tabIndex={0}
      onKeyDown={key}
      onPointerDown={(event) => gestures.current.down(event)}
      onPointerMove={(event) => {
        const next = gestures.current.move(event, camera, size.value);
        if (next !== undefined) onCamera(next);
      }}
      onPointerUp={released}
      onPointerCancel={(event) => gestures.current.cancel(event)}
      onDblClick={() => onCamera(undefined)}
    >
      {size.value.width > 0 && (
        <svg width={size.value.width} height={size.value.height} aria-hidden="true">
          <Axes camera={camera} size={size.value} names={names} />
        </svg>
      )}
      <canvas ref={canvas} role="img" aria-label={label} />
      {size.value.width > 0 && (
        <svg width={size.value.width} height={size.value.height} aria-hidden="true">
          <Overlays overlay={overlay} points={points} camera={camera} size={size.value} />
          <Trails trails={trails} camera={camera} size={size.value} />
        </svg>
      )}
      {problem.value !== "" && <p class="problem">{problem.value}</p>}
    </div>
  );
}

function cameraAfterKey(key: string, camera: Camera, size: Size): Camera | undefined {
  switch (key) {
    case "ArrowLeft":
      return panned(camera, size, keyPan, 0);
    case "ArrowRight":
      return panned(camera, size, -keyPan, 0);
    case "ArrowUp":
      return panned(camera, size, 0, keyPan);
    case "ArrowDown":
      return panned(camera, size, 0, -keyPan);
    case "+":
    case "=":
      return zoomed(camera, size, keyZoom);
    case "-":
      return zoomed(camera, size, 1 / keyZoom);
    default:
      return undefined;
  }
}
