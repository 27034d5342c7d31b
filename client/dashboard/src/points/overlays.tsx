// What lies over the points: level lines of their density, the target, the exact solution.
import { useMemo } from "preact/hooks";
import { type Camera, pixelsPerUnit, type Size, toPixel, toPoint } from "./camera";
import { densityOf, levelAbove, levelLines } from "./contours";
import type { PlaneGaussian } from "./gaussians";
import type { Layer, Points } from "./plane";
import type { PlaneSphere } from "./sphere";

export interface Overlay {
  readonly contours: boolean;
  readonly targets: readonly PlaneGaussian[];
  readonly exact: PlaneGaussian | undefined;
  readonly spheres: readonly { readonly as: "target" | "exact"; readonly sphere: PlaneSphere }[];
}

// Shares of the points that the lines hold.
const shares = [0.25, 0.5, 0.75, 0.95];
const columns = 120;

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

export function Overlays({ overlay, layers, camera, size }: Properties) {
  const shown = layers.filter((layer) => layer.points !== undefined);
  if (shown.length === 0) return null;
  const drawn = shown.filter((layer) => layer.points !== undefined && layer.points.y >= 0);
  const outlines = overlay.spheres.map(({ as, sphere }) => (
    <g key={as} class={as}>
      <Outline sphere={sphere} flat={drawn.length === 0} camera={camera} size={size} />
    </g>
  ));
  if (drawn.length === 0) return <>{outlines}</>;
  return (
    <>
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
      {overlay.exact !== undefined && (
        <g class="exact">
          <Ellipses gaussian={overlay.exact} camera={camera} size={size} />
        </g>
      )}
    </>
  );
}
