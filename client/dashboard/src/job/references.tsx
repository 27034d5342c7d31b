// The exact solution and the target beside the points: which there are, what is shown of them, and how far off the points are.
import { useMemo } from "preact/hooks";
import type { FlowSpec } from "contract/sliceflow/v1/flow_pb";
import type { Job } from "contract/sliceflow/v1/job_pb";
import { link, remember } from "../link";
import { aggregationLaw } from "../points/aggregation";
import { barenblattLaw } from "../points/barenblatt";
import { exactGaussian, type PlaneGaussian, seenAlong, squaredDistance, targetsOf } from "../points/gaussians";
import { kellerSegelLaw } from "../points/keller_segel";
import type { Overlay } from "../points/overlays";
import type { Points, Projection } from "../points/plane";
import type { PlaneSphere, RoundLaw } from "../points/sphere";
import { figure } from "../words";
import type { Step } from "./flow";

const maxTargets = 64;

export interface ShownRound {
  readonly as: "target" | "exact";
  readonly law: RoundLaw;
}

// What can be shown beside a job's points.
export interface References {
  readonly overlay: Overlay;
  // The same at another step.
  readonly overlayAt: (step: Step) => Overlay;
  readonly hasTarget: boolean;
  readonly hasExact: boolean;
  // Whether the target is a steady state on a sphere.
  readonly hasSteady: boolean;
  // What is shown of laws that are no Gaussians.
  readonly rounds: readonly ShownRound[];
}

function chosen(): ReadonlySet<string> {
  return new Set((link.value.parameters.get("over") ?? "target,exact").split(","));
}

function unit(axis: number, dimension: number): number[] {
  return Array.from({ length: dimension }, (_, i) => (i === axis ? 1 : 0));
}

// The plane that is shown: its two axes, and where its origin is.
function planeOf(projection: Projection, dimension: number) {
  if (projection.kind === "main") return { x: projection.basis.axes[0], y: projection.basis.axes[1], origin: projection.basis.mean };
  return { x: unit(projection.x, dimension), y: unit(projection.y, dimension), origin: [] };
}

function sphereIn(law: RoundLaw, projection: Projection): PlaneSphere {
  const { x, y, origin } = planeOf(projection, law.centre.length);
  const along = (axis: ArrayLike<number>) => law.centre.reduce((sum, value, i) => sum + (axis[i] ?? 0) * (value - (origin[i] ?? 0)), 0);
  return { centre: [along(x), along(y)], radius: law.radius };
}

function roundAt(spec: FlowSpec, step: Step): RoundLaw | undefined {
  const time = step.report.wassersteinTime;
  return barenblattLaw(spec, time) ?? kellerSegelLaw(spec, time);
}

// Gaussians are drawn in planes alone.
function targetsIn(spec: FlowSpec, projection: Projection): readonly PlaneGaussian[] {
  if (spec.dimension === 1) return [];
  const { x, y, origin } = planeOf(projection, spec.dimension);
  return targetsOf(spec)
    .slice(0, maxTargets)
    .map((each) => seenAlong(each, origin, x, y));
}

function exactIn(spec: FlowSpec, step: Step, projection: Projection): PlaneGaussian | undefined {
  if (spec.dimension === 1) return undefined;
  const { x, y, origin } = planeOf(projection, spec.dimension);
  const law = exactGaussian(spec, step.report.wassersteinTime);
  return law === undefined ? undefined : seenAlong(law, origin, x, y);
}

function shownRounds(steady: RoundLaw | undefined, exact: RoundLaw | undefined): readonly ShownRound[] {
  const over = chosen();
  const all = [
    { as: "target" as const, law: steady },
    { as: "exact" as const, law: exact },
  ];
  return all.flatMap(({ as, law }) => (law !== undefined && over.has(as) ? [{ as, law }] : []));
}

export function useReferences(job: Job | undefined, step: Step | undefined, projection: Projection): References {
  const spec = job?.spec;
  const targets = useMemo(() => (spec === undefined ? [] : targetsIn(spec, projection)), [job?.name, projection]);
  const exact = useMemo(
    () => (spec === undefined || step === undefined ? undefined : exactIn(spec, step, projection)),
    [job?.name, step, projection],
  );
  const steady = useMemo(() => (spec === undefined ? undefined : aggregationLaw(spec)), [job?.name]);
  const exactRound = useMemo(() => (spec === undefined || step === undefined ? undefined : roundAt(spec, step)), [job?.name, step]);
  const over = chosen();
  const shown = (law: PlaneGaussian | undefined, round: RoundLaw | undefined): Overlay => ({
    contours: over.has("contours"),
    targets: over.has("target") ? targets : [],
    exact: over.has("exact") ? law : undefined,
    spheres: shownRounds(steady, round).map((each) => ({ as: each.as, sphere: sphereIn(each.law, projection) })),
  });
  return {
    hasTarget: targets.length > 0,
    hasExact: exact !== undefined || exactRound !== undefined,
    hasSteady: steady !== undefined,
    rounds: shownRounds(steady, exactRound),
    overlay: shown(exact, exactRound),
    overlayAt: (other) =>
      shown(spec === undefined ? undefined : exactIn(spec, other, projection), spec === undefined ? undefined : roundAt(spec, other)),
  };
}

export function OverlayChoice({ references, flat }: { readonly references: References; readonly flat: boolean }) {
  const over = chosen();
  const set = (key: string, on: boolean) => {
    const next = new Set(over);
    if (on) next.add(key);
    else next.delete(key);
    const text = [...next].sort().join(",");
    remember({ over: text === "exact,target" ? "" : text || "none" });
  };
  const box = (key: string, word: string) => (
    <label class="check">
      <input type="checkbox" checked={over.has(key)} onChange={(event) => set(key, event.currentTarget.checked)} />
      <svg class="swatch-line" width="20" height="8" aria-hidden="true">
        <path class={key} d="M0 4H20" />
      </svg>
      {word}
    </label>
  );
  return (
    <>
      {!flat && box("contours", "contours")}
      {references.hasTarget && box("target", "target")}
      {references.hasSteady && box("target", "steady state")}
      {references.hasExact && box("exact", "exact solution")}
    </>
  );
}

// Mean and covariance of the points in the plane that is shown.
function fit(points: Points): PlaneGaussian {
  let [sx, sy, sxx, sxy, syy] = [0, 0, 0, 0, 0];
  const at = (row: number, offset: number) => points.values[row * points.stride + offset] ?? 0;
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
  readonly exact: PlaneGaussian;
  readonly points: Points;
  readonly names: readonly [string, string];
  // SW-JKO follows a flow of its own, with the same end.
  readonly sliced: boolean;
}

export function ExactFigures({ exact, points, names, sliced }: FiguresProperties) {
  const found = useMemo(() => fit(points), [points]);
  const rows = [
    { name: names[0], of: (gaussian: PlaneGaussian) => [gaussian.mean[0], Math.sqrt(gaussian.covariance[0])] },
    { name: names[1], of: (gaussian: PlaneGaussian) => [gaussian.mean[1], Math.sqrt(gaussian.covariance[2])] },
  ];
  return (
    <div class="exact-figures">
      <table>
        <caption>
          Points and exact solution at this time: W2² between their Gaussians in this plane is {figure(squaredDistance(found, exact))}
          {sliced && ". SW-JKO follows another flow with the same end, so it is off on the way"}
        </caption>
        <thead>
          <tr>
            <th scope="col">along</th>
            <th scope="col">mean</th>
            <th scope="col">exact</th>
            <th scope="col">deviation</th>
            <th scope="col">exact</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const [mean = 0, deviation = 0] = row.of(found);
            const [exactMean = 0, exactDeviation = 0] = row.of(exact);
            return (
              <tr key={row.name}>
                <th scope="row">{row.name}</th>
                {[mean, exactMean, deviation, exactDeviation].map((value, i) => (
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
