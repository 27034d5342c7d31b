// How far the points are from what is laid over them, by mean and deviation along the two axes that are shown.
import { useMemo } from "preact/hooks";
import { type PlaneGaussian, squaredDistance } from "../points/gaussians";
import type { Points } from "../points/plane";
import { figure } from "../words";
import type { ShownData } from "./references";

// Mean and covariance of the points in the plane that is shown; on a line the second coordinate is 0.
function fit(points: Points): PlaneGaussian {
  let [sx, sy, sxx, sxy, syy] = [0, 0, 0, 0, 0];
  const at = (row: number, offset: number) => (offset < 0 ? 0 : (points.values[row * points.stride + offset] ?? 0));
  for (let row = 0; row < points.count; row += 1) {
    sx += at(row, points.x);
    sy += at(row, points.y);
  }
  const [mx, my] = [sx / points.count, sy / points.count];
  for (let row = 0; row < points.count; row += 1) {
    const [dx, dy] = [at(row, points.x) - mx, at(row, points.y) - my];
    sxx += dx * dx;
    sxy += dx * dy;
    syy += dy * dy;
  }
  const freedom = Math.max(1, points.count - 1);
  return { mean: [mx, my], covariance: [sxx / freedom, sxy / freedom, syy / freedom] };
}

interface FiguresProperties {
  readonly points: Points;
  readonly names: readonly [string, string];
  readonly other: PlaneGaussian;
  // What the other is, in the caption and above its columns.
  readonly title: string;
  readonly column: string;
  // What else is to be said; empty where nothing is.
  readonly note: string;
}

function PlaneFigures({ points, names, other, title, column, note }: FiguresProperties) {
  const found = useMemo(() => fit(points), [points]);
  const flat = points.y < 0;
  const along = [
    { name: names[0], of: (gaussian: PlaneGaussian) => [gaussian.mean[0], Math.sqrt(gaussian.covariance[0])] },
    { name: names[1], of: (gaussian: PlaneGaussian) => [gaussian.mean[1], Math.sqrt(gaussian.covariance[2])] },
  ];
  return (
    <div class="exact-figures" role="region" tabIndex={0} aria-label={`Figures of the points and of the ${title}`}>
      <table>
        <caption>
          Points and {title}: W2² between their Gaussians {flat ? "on this line" : "in this plane"} is{" "}
          {figure(squaredDistance(found, other))}
          {note}
        </caption>
        <thead>
          <tr>
            <th scope="col">along</th>
            <th scope="col">mean</th>
            <th scope="col">{column}</th>
            <th scope="col">deviation</th>
            <th scope="col">{column}</th>
          </tr>
        </thead>
        <tbody>
          {along.slice(0, flat ? 1 : 2).map((row) => {
            const [mean = 0, deviation = 0] = row.of(found);
            const [otherMean = 0, otherDeviation = 0] = row.of(other);
            return (
              <tr key={row.name}>
                <th scope="row">{row.name}</th>
                {[mean, otherMean, deviation, otherDeviation].map((value, i) => (
                  <td key={i}>{figure(value)}</td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

interface ExactProperties {
  readonly points: Points;
  readonly names: readonly [string, string];
  readonly exact: PlaneGaussian;
  // SW-JKO follows a flow of its own, with the same end.
  readonly sliced: boolean;
}

export function ExactFigures({ points, names, exact, sliced }: ExactProperties) {
  const note = sliced ? ". SW-JKO follows another flow with the same end, so it is off on the way" : "";
  return <PlaneFigures points={points} names={names} other={exact} title="exact solution at this time" column="exact" note={note} />;
}

interface DataProperties {
  readonly points: Points;
  readonly names: readonly [string, string];
  readonly data: ShownData;
}

export function DataFigures({ points, names, data }: DataProperties) {
  const other = useMemo(() => fit(data.points), [data.points]);
  const title = `target, ${data.points.count.toLocaleString("en")} rows of ${data.name}`;
  return <PlaneFigures points={points} names={names} other={other} title={title} column="target" note="" />;
}
