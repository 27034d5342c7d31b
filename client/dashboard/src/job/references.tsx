// The exact solution and the target beside the points: which there are, and what is shown of them.
import { useMemo } from "preact/hooks";
import type { FlowSpec } from "contract/sliceflow/v1/flow_pb";
import type { Job } from "contract/sliceflow/v1/job_pb";
import { link, remember } from "../link";
import { aggregationLaw } from "../points/aggregation";
import { barenblattLaw } from "../points/barenblatt";
import { exactGaussian, type PlaneGaussian, seenAlong, targetsOf } from "../points/gaussians";
import { kellerSegelLaw } from "../points/keller_segel";
import type { Overlay } from "../points/overlays";
import { place, type Points, type Projection } from "../points/plane";
import type { PlaneSphere, RoundLaw } from "../points/sphere";
import type { Step } from "./flow";
import { type TargetRows, targetsOfJob } from "./target_rows";

const maxTargets = 64;

export interface ShownRound {
  readonly as: "target" | "exact";
  readonly law: RoundLaw;
}

export interface ShownData {
  // `datasets/ID`.
  readonly name: string;
  readonly points: Points;
}

// What can be shown beside a job's points.
export interface References {
  readonly overlay: Overlay;
  // The same at another step.
  readonly overlayAt: (step: Step) => Overlay;
  readonly hasTarget: boolean;
  // Whether rows of data sets are the target, or a part of it.
  readonly hasRows: boolean;
  readonly hasExact: boolean;
  // Whether the target is a steady state on a sphere.
  readonly hasSteady: boolean;
  // What is shown of laws that are no Gaussians.
  readonly rounds: readonly ShownRound[];
  // What is shown of data sets that are the target.
  readonly data: readonly ShownData[];
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
  // As `place` takes coordinates that a flow of fewer dimensions does not have.
  const inside = (axis: number) => Math.min(axis, dimension - 1);
  return { x: unit(inside(projection.x), dimension), y: unit(inside(projection.y), dimension), origin: [] };
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

export function useReferences(job: Job | undefined, step: Step | undefined, projection: Projection, targetRows: TargetRows): References {
  const spec = job?.spec;
  const tensors = targetsOfJob(job).map((target) => ({ target, tensor: targetRows.of(target) }));
  const data = useMemo(
    () =>
      tensors.flatMap(({ target, tensor }) =>
        tensor === undefined ? [] : [{ name: target.name, points: place(tensor, `${target.owner} ${target.name}`, projection) }],
      ),
    [job?.name, projection, ...tensors.map(({ tensor }) => tensor), tensors.length],
  );
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
    data: over.has("target") ? data.map(({ points }) => points) : [],
    exact: over.has("exact") && law !== undefined ? [law] : [],
    spheres: shownRounds(steady, round).map((each) => ({ as: each.as, sphere: sphereIn(each.law, projection) })),
  });
  return {
    hasTarget: targets.length > 0,
    hasRows: data.length > 0,
    hasExact: exact !== undefined || exactRound !== undefined,
    hasSteady: steady !== undefined,
    rounds: shownRounds(steady, exactRound),
    data: over.has("target") ? data : [],
    overlay: shown(exact, exactRound),
    overlayAt: (other) =>
      shown(spec === undefined ? undefined : exactIn(spec, other, projection), spec === undefined ? undefined : roundAt(spec, other)),
  };
}

// Why rows of a target are missing, and another attempt.
export function TargetProblem({ rows }: { readonly rows: TargetRows }) {
  if (rows.problem === "") return null;
  return (
    <p class="faint" role="status">
      {rows.problem}{" "}
      {rows.retry !== undefined && (
        <button type="button" class="small" onClick={rows.retry}>
          Try again
        </button>
      )}
    </p>
  );
}

interface ChoiceProperties {
  readonly references: Pick<References, "hasTarget" | "hasRows" | "hasSteady" | "hasExact">;
  readonly flat: boolean;
}

export function OverlayChoice({ references, flat }: ChoiceProperties) {
  const over = chosen();
  const set = (key: string, on: boolean) => {
    const next = new Set(over);
    if (on) next.add(key);
    else next.delete(key);
    const text = [...next].sort().join(",");
    remember({ over: text === "exact,target" ? "" : text || "none" });
  };
  const box = (key: string, word: string, crosses = false) => (
    <label class="check">
      <input type="checkbox" checked={over.has(key)} onChange={(event) => set(key, event.currentTarget.checked)} />
      <svg class="swatch-line" width="20" height="8" aria-hidden="true">
        <g class={key}>{crosses ? <path class="rows" d="M1.5 4h5M4 1.5v5M8 5h5M10.5 2.5v5M14.5 3h5M17 .5v5" /> : <path d="M0 4H20" />}</g>
      </svg>
      {word}
    </label>
  );
  return (
    <>
      {!flat && box("contours", "contours")}
      {(references.hasTarget || references.hasRows) && box("target", "target", !references.hasTarget)}
      {references.hasSteady && box("target", "steady state")}
      {references.hasExact && box("exact", "exact solution")}
    </>
  );
}
