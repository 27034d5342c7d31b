// What lies over the points: level lines of their density, the target (Gaussians, spheres, rows of data sets), the exact solution.
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { type Camera, pixelsPerUnit, type Size, toPixel, toPoint } from "./camera";
import { densityOf, levelAbove, levelLines } from "./contours";
import type { PlaneGaussian } from "./gaussians";
import type { Layer, Points } from "./plane";
import type { PlaneSphere } from "./sphere";

export interface Overlay {
  readonly contours: boolean;
  readonly targets: readonly PlaneGaussian[];
  readonly exact: readonly PlaneGaussian[];
  readonly spheres: readonly { readonly as: "target" | "exact"; readonly sphere: PlaneSphere }[];
  // Rows of data sets that are the target.
  readonly data: readonly Points[];
}

// Something that is shown, and the layers that it belongs to: empty where it belongs to all of them.
interface Owned<Shown> {
  readonly shown: Shown;
  readonly owners: readonly number[];
}

// What some layers show, each thing once.
function owned<Shown>(of: readonly (readonly Shown[])[], keyOf: (shown: Shown) => string): readonly Owned<Shown>[] {
  const found = new Map<string, { readonly shown: Shown; readonly owners: Set<number> }>();
  of.forEach((all, layer) => {
    for (const shown of all) {
      const known = found.get(keyOf(shown));
      if (known === undefined) found.set(keyOf(shown), { shown, owners: new Set([layer]) });
      else known.owners.add(layer);
    }
  });
  return [...found.values()].map(({ shown, owners }) => ({ shown, owners: owners.size === of.length ? [] : [...owners] }));
}

// Shares of the points that the lines hold.
const shares = [0.25, 0.5, 0.75, 0.95];
const columns = 120;
// Of the crosses and strokes of a data set's rows. Unit: pixels.
const arm = 2.5;
const rugHeight = 14;
const rugFoot = 20; // above the numbers of the axis

interface Properties {
  // One for each of the layers.
  readonly overlays: readonly Overlay[];
  readonly layers: readonly Layer[];
  readonly camera: Camera;
  readonly size: Size;
}

function Contours({ points, camera, size }: { readonly points: Points; readonly camera: Camera; readonly size: Size }) {
  const path = useMemo(() => {
    const low = toPoint(camera, size, 0, size.height);
    const high = toPoint(camera, size, size.width, 0);
    const grid = densityOf(points, low.x, low.y, high.x - low.x, high.y - low.y, columns);
    const segments = shares.flatMap((share) => levelLines(grid, levelAbove(grid, share)));
    const pixel = (x: number, y: number) => {
      const at = toPixel(camera, size, x, y);
      return `${at.x.toFixed(1)} ${at.y.toFixed(1)}`;
    };
    return segments.map(([x, y, toX, toY]) => `M${pixel(x, y)}L${pixel(toX, toY)}`).join("");
  }, [points, camera, size]);
  return <path class="contours" d={path} />;
}

// Ellipses of one and two standard deviations.
function Ellipses({ gaussian, camera, size }: { readonly gaussian: PlaneGaussian; readonly camera: Camera; readonly size: Size }) {
  const [xx, xy, yy] = gaussian.covariance;
  const middle = (xx + yy) / 2;
  const half = Math.hypot((xx - yy) / 2, xy);
  const degrees = (Math.atan2(2 * xy, xx - yy) * 90) / Math.PI;
  const scale = pixelsPerUnit(camera, size);
  const { x, y } = toPixel(camera, size, gaussian.mean[0], gaussian.mean[1]);
  return (
    <g transform={`translate(${x} ${y}) rotate(${-degrees})`}>
      {[1, 2].map((deviations) => (
        <ellipse
          key={deviations}
          rx={deviations * scale * Math.sqrt(Math.max(0, middle + half))}
          ry={deviations * scale * Math.sqrt(Math.max(0, middle - half))}
        />
      ))}
      <path d="M-5 0H5M0 -5V5" />
    </g>
  );
}

// A circle, or on a line the two ends of an interval.
function Outline({
  sphere,
  flat,
  camera,
  size,
}: {
  readonly sphere: PlaneSphere;
  readonly flat: boolean;
  readonly camera: Camera;
  readonly size: Size;
}) {
  const radius = sphere.radius * pixelsPerUnit(camera, size);
  const { x, y } = toPixel(camera, size, sphere.centre[0], sphere.centre[1]);
  if (flat) return <path class="interval" d={`M${x - radius} 0V${size.height}M${x + radius} 0V${size.height}`} />;
  return <circle cx={x} cy={y} r={radius} />;
}

interface RowsProperties {
  readonly points: Points;
  readonly turn: Turn;
  readonly camera: Camera;
  readonly size: Size;
}

// A small cross for each row; on a line, where points have no height, a stroke near the lower edge.
function Rows({ points, turn, camera, size }: RowsProperties) {
  const path = useMemo(() => {
    const strokes: string[] = [];
    for (let row = turn.at; row < points.count; row += turn.of) {
      const at = points.values.subarray(row * points.stride, (row + 1) * points.stride);
      const { x, y } = toPixel(camera, size, at[points.x] ?? 0, at[points.y] ?? 0);
      if (!(x >= 0 && x <= size.width)) continue;
      if (points.y < 0) strokes.push(`M${x.toFixed(1)} ${size.height - rugFoot}v-${rugHeight}`);
      else if (y >= 0 && y <= size.height) strokes.push(`M${(x - arm).toFixed(1)} ${y.toFixed(1)}h${2 * arm}m-${arm}-${arm}v${2 * arm}`);
    }
    return strokes.join("");
  }, [points, turn.at, turn.of, camera, size]);
  return <path class={points.y < 0 ? "rows rug" : "rows"} d={path} />;
}

// Which of the owners of one thing is drawn: each has every `of`-th dash, or row, of it.
interface Turn {
  readonly at: number;
  readonly of: number;
}

const dash = 7;
const period = 11;

function dashes(as: "target" | "exact", { at, of }: Turn): string {
  if (of < 2) return "";
  const drawn = as === "target" ? dash : period;
  return `stroke-dasharray: ${drawn} ${of * period - drawn}; stroke-dashoffset: ${-at * period}`;
}

interface InColoursProperties {
  readonly as: "target" | "exact";
  readonly owners: readonly number[];
  readonly layers: readonly Layer[];
  readonly children: (turn: Turn) => ComponentChildren;
}

// In its owner's colour, in turns in those of several, or in the colour of what belongs to all.
function InColours({ as, owners, layers, children }: InColoursProperties) {
  if (owners.length === 0) return <g class={as}>{children({ at: 0, of: 1 })}</g>;
  return (
    <>
      {owners.map((owner, at) => (
        <g key={owner} class={`${as} own s${(layers[owner]?.series ?? 0) % 8}`} style={dashes(as, { at, of: owners.length })}>
          {children({ at, of: owners.length })}
        </g>
      ))}
    </>
  );
}

// Rows of data sets, which are many: drawn below the points, lest they hide them.
export function TargetRows({ overlays, layers, camera, size }: Properties) {
  const data = owned(
    overlays.map((overlay) => overlay.data),
    (points) => points.key,
  );
  if (layers.every((layer) => layer.points === undefined)) return null;
  return (
    <>
      {data.map(({ shown, owners }) => (
        <InColours key={shown.key} as="target" owners={owners} layers={layers}>
          {(turn) => <Rows points={shown} turn={turn} camera={camera} size={size} />}
        </InColours>
      ))}
    </>
  );
}

export function Overlays({ overlays, layers, camera, size }: Properties) {
  const shown = layers.filter((layer) => layer.points !== undefined);
  if (shown.length === 0) return null;
  const drawn = shown.filter((layer) => layer.points !== undefined && layer.points.y >= 0);
  const of = <Shown,>(all: (overlay: Overlay) => readonly Shown[]) => owned(overlays.map(all), JSON.stringify);
  const outlines = of((overlay) => overlay.spheres).map(({ shown: { as, sphere }, owners }, i) => (
    <InColours key={i} as={as} owners={owners} layers={layers}>
      {() => <Outline sphere={sphere} flat={drawn.length === 0} camera={camera} size={size} />}
    </InColours>
  ));
  const ellipses = (as: "target" | "exact", all: readonly Owned<PlaneGaussian>[]) =>
    all.map(({ shown: gaussian, owners }, i) => (
      <InColours key={`${as}${i}`} as={as} owners={owners} layers={layers}>
        {() => <Ellipses gaussian={gaussian} camera={camera} size={size} />}
      </InColours>
    ));
  if (drawn.length === 0) return <>{outlines}</>;
  return (
    <>
      {outlines}
      {overlays.some((overlay) => overlay.contours) &&
        drawn.map(({ points, series }) => (
          <g key={series} class={layers.length > 1 ? `many s${series % 8}` : ""}>
            {points !== undefined && <Contours points={points} camera={camera} size={size} />}
          </g>
        ))}
      {ellipses(
        "target",
        of((overlay) => overlay.targets),
      )}
      {ellipses(
        "exact",
        of((overlay) => overlay.exact),
      )}
    </>
  );
}
