// What lies over the points: level lines of their density, the target (Gaussians, spheres, rows of data sets), the exact solution.
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

// All that several overlays show, over one picture; what is the same in some of them is shown once.
export function together(overlays: readonly Overlay[]): Overlay {
  const once = <Shown,>(of: (overlay: Overlay) => readonly Shown[]): readonly Shown[] => [
    ...new Map(overlays.flatMap(of).map((each) => [JSON.stringify(each), each])).values(),
  ];
  return {
    contours: overlays.some((overlay) => overlay.contours),
    targets: once((overlay) => overlay.targets),
    exact: once((overlay) => overlay.exact),
    spheres: once((overlay) => overlay.spheres),
    data: [...new Map(overlays.flatMap((overlay) => overlay.data).map((points) => [points.key, points])).values()],
  };
}

// Shares of the points that the lines hold.
const shares = [0.25, 0.5, 0.75, 0.95];
const columns = 120;
// Of the crosses and strokes of a data set's rows. Unit: pixels.
const arm = 2.5;
const rugHeight = 14;
const rugFoot = 20; // above the numbers of the axis

interface Properties {
  readonly overlay: Overlay;
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

// A small cross for each row; on a line, where points have no height, a stroke near the lower edge.
function Rows({ points, camera, size }: { readonly points: Points; readonly camera: Camera; readonly size: Size }) {
  const path = useMemo(() => {
    const strokes: string[] = [];
    for (let row = 0; row < points.count; row += 1) {
      const at = points.values.subarray(row * points.stride, (row + 1) * points.stride);
      const { x, y } = toPixel(camera, size, at[points.x] ?? 0, at[points.y] ?? 0);
      if (!(x >= 0 && x <= size.width)) continue;
      if (points.y < 0) strokes.push(`M${x.toFixed(1)} ${size.height - rugFoot}v-${rugHeight}`);
      else if (y >= 0 && y <= size.height) strokes.push(`M${(x - arm).toFixed(1)} ${y.toFixed(1)}h${2 * arm}m-${arm}-${arm}v${2 * arm}`);
    }
    return strokes.join("");
  }, [points, camera, size]);
  return <path class={points.y < 0 ? "rows rug" : "rows"} d={path} />;
}

export function Overlays({ overlay, layers, camera, size }: Properties) {
  const shown = layers.filter((layer) => layer.points !== undefined);
  if (shown.length === 0) return null;
  const drawn = shown.filter((layer) => layer.points !== undefined && layer.points.y >= 0);
  const outlines = overlay.spheres.map(({ as, sphere }) => (
    <g key={as} class={as}>
      <Outline sphere={sphere} flat={drawn.length === 0} camera={camera} size={size} />
    </g>
  ));
  const rows = overlay.data.map((points) => (
    <g key={points.key} class="target">
      <Rows points={points} camera={camera} size={size} />
    </g>
  ));
  if (drawn.length === 0) {
    return (
      <>
        {rows}
        {outlines}
      </>
    );
  }
  return (
    <>
      {rows}
      {outlines}
      {overlay.contours &&
        drawn.map(({ points, series }) => (
          <g key={series} class={layers.length > 1 ? `many s${series % 8}` : ""}>
            {points !== undefined && <Contours points={points} camera={camera} size={size} />}
          </g>
        ))}
      <g class="target">
        {overlay.targets.map((target, i) => (
          <Ellipses key={i} gaussian={target} camera={camera} size={size} />
        ))}
      </g>
      {overlay.exact.map((law, i) => (
        <g key={i} class="exact">
          <Ellipses gaussian={law} camera={camera} size={size} />
        </g>
      ))}
    </>
  );
}
