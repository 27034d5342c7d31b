// The jobs' samples on one camera: a picture each, or one for all.
import { useMemo } from "preact/hooks";
import { link, remember } from "../link";
import { OverlayChoice, TargetProblem, useReferences } from "../job/references";
import { useTargetRows } from "../job/target_rows";
import { AxisChoice, axisName } from "../points/axis_choice";
import type { Camera } from "../points/camera";
import type { Overlay } from "../points/overlays";
import { type Layer, place, type Projection } from "../points/plane";
import { PointsView } from "../points/points_view";
import { useCamera } from "../points/use_camera";
import type { ComparedJob } from "./compared_jobs";
import { canShareDirections, dimensionOf, shownTensor, useSharedProjection } from "./projection";

interface Properties {
  readonly jobs: readonly ComparedJob[];
  readonly titles: readonly string[];
  readonly periodMs: number;
}

function useLayer(job: ComparedJob, title: string, series: number, projection: Projection): Layer {
  const step = job.shown.value?.report.step;
  const tensor = shownTensor(job);
  const points = useMemo(
    () => (tensor === undefined || step === undefined ? undefined : place(tensor, step, projection)),
    [tensor, step, projection],
  );
  const label = points === undefined ? `no points of ${title}` : `${points.count} points of step ${step} of ${title}`;
  return { points, label, series };
}

function caption({ points, label }: Layer): string {
  return points === undefined ? "no samples at this time" : label.replace(/ of step (\d+).*/, " of step $1");
}

export function Pictures({ jobs, titles, periodMs }: Properties) {
  const { parameters } = link.value;
  const dimension = dimensionOf(jobs);
  const projection = useSharedProjection(jobs, dimension);
  const targetRows = useTargetRows(jobs.map((job) => job.job.value));
  // The list of jobs is the same for as long as this is shown, so that each has its hooks.
  const layers = jobs.map((job, i) => useLayer(job, titles[i] ?? "", i, projection));
  const references = jobs.map((job) => useReferences(job.job.value, job.shown.value, projection, targetRows));
  const drawn = [...layers.flatMap((layer) => layer.points ?? []), ...references.flatMap((each) => each.overlay.data)];
  const [camera, setCamera] = useCamera(drawn, projection.kind === "pair" ? `${projection.x},${projection.y}` : projection.basis.key);
  const over = parameters.get("lay") === "over";
  const names: readonly [string, string] =
    projection.kind === "main"
      ? ["1st main direction", "2nd main direction"]
      : [axisName(projection.x), dimension > 1 ? axisName(projection.y) : ""];
  const view = (shown: readonly Layer[], overlays: readonly Overlay[]) => (
    <PointsView
      layers={shown}
      names={names}
      camera={camera}
      onCamera={(next: Camera | undefined) => setCamera(next)}
      periodMs={periodMs}
      trails={[]}
      overlays={overlays}
    />
  );
  return (
    <>
      <div class="panel-head">
        <h2 id="samples-title">Samples</h2>
        <div class="toolbar">
          <label>
            Pictures
            <select value={over ? "over" : ""} onChange={(event) => remember({ lay: event.currentTarget.value })}>
              <option value="">side by side</option>
              <option value="over">one over the other</option>
            </select>
          </label>
          {canShareDirections(jobs, dimension) && (
            <label>
              Plane
              <select
                value={parameters.get("view") === "main" ? "main" : ""}
                onChange={(event) => remember({ view: event.currentTarget.value, camera: "" })}
              >
                <option value="">two coordinates</option>
                <option value="main">main directions (PCA) of all</option>
              </select>
            </label>
          )}
          {dimension > 2 && projection.kind === "pair" && (
            <>
              <AxisChoice word="Across" parameter="x" value={projection.x} dimension={dimension} />
              <AxisChoice word="Up" parameter="y" value={projection.y} dimension={dimension} />
            </>
          )}
          <OverlayChoice
            references={{
              hasTarget: references.some((each) => each.hasTarget),
              hasRows: references.some((each) => each.hasRows),
              hasSteady: references.some((each) => each.hasSteady),
              hasExact: references.some((each) => each.hasExact),
            }}
            flat={dimension === 1}
          />
          <button type="button" class="small" onClick={() => setCamera(undefined)}>
            Show all
          </button>
        </div>
      </div>
      {over ? (
        <>
          {view(
            layers,
            references.map((each) => each.overlay),
          )}
          {references.some((each) => each.hasTarget || each.hasRows || each.hasSteady || each.hasExact) && (
            <p class="faint">
              Targets and exact solutions are in their jobs' colours; what some of the jobs share is in turns in theirs, what all share in
              that of the text.
            </p>
          )}
        </>
      ) : (
        <div class="side-by-side">
          {layers.map((layer, i) => (
            <figure key={jobs[i]?.name}>
              {view(
                [layer],
                references.slice(i, i + 1).map((each) => each.overlay),
              )}
              <figcaption class={`s${i}`}>
                <span class="dot" aria-hidden="true" /> {titles[i]}: {caption(layer)}
              </figcaption>
            </figure>
          ))}
        </div>
      )}
      <TargetProblem rows={targetRows} />
    </>
  );
}
