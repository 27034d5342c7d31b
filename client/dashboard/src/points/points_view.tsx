// A picture of points: moved and zoomed by pointer, fingers and keys.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { useSize } from "../size";
import { Axes, type Trail, Trails } from "./axes";
import { type Camera, panned, type Size, toPoint, zoomed } from "./camera";
import { Gestures } from "./gestures";
import { type Overlay, Overlays, TargetRows } from "./overlays";
import type { Layer, Points } from "./plane";
import { PointsCanvas } from "./points_canvas";

interface Properties {
  // The first one is that which is picked from.
  readonly layers: readonly Layer[];
  readonly names: readonly [string, string];
  readonly camera: Camera;
  readonly onCamera: (camera: Camera | undefined) => void;
  // How long a step is shown while it plays.
  readonly periodMs: number;
  readonly trails: readonly Trail[];
  // One for each of the layers.
  readonly overlays: readonly Overlay[];
  // Default: points are not picked.
  readonly onPick?: (row: number) => void;
}

const keyPan = 40;
const keyZoom = 1.25;
const pickWithin = 12;

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

export function PointsView({ layers, names, camera, onCamera, periodMs, trails, overlays, onPick }: Properties) {
  const frame = useRef<HTMLDivElement>(null);
  const problem = useSignal("");
  const size = useSize(frame);
  const gestures = useRef<Gestures>(new Gestures());
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
    const points = layers[0]?.points;
    if (clicked === undefined || points === undefined || onPick === undefined) return;
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
          <TargetRows overlays={overlays} layers={layers} camera={camera} size={size.value} />
        </svg>
      )}
      {layers.map((layer) => (
        <PointsCanvas
          key={layer.series}
          {...layer}
          camera={camera}
          size={size.value}
          periodMs={periodMs}
          onProblem={(text) => (problem.value = text)}
        />
      ))}
      {size.value.width > 0 && (
        <svg width={size.value.width} height={size.value.height} aria-hidden="true">
          <Overlays overlays={overlays} layers={layers} camera={camera} size={size.value} />
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
