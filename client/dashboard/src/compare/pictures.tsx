// The jobs' samples on one camera: a picture each, or one for all.
import { useMemo } from "preact/hooks";
import { link, remember } from "../link";
import { AxisChoice, axisName, readAxis } from "../points/axis_choice";
import type { Camera } from "../points/camera";
import { type Layer, place } from "../points/plane";
import { PointsView } from "../points/points_view";
import { useCamera } from "../points/use_camera";
import type { ComparedJob } from "./compared_jobs";

interface Properties {
  readonly jobs: readonly ComparedJob[];
  readonly titles: readonly string[];
  readonly periodMs: number;
}

function useLayer(job: ComparedJob, title: string, series: number, x: number, y: number): Layer {
  const step = job.shown.value?.report.step;
  const tensor = step === undefined ? undefined : job.store.peek(step);
  const points = useMemo(
    () => (tensor === undefined || step === undefined ? undefined : place(tensor, step, { kind: "pair", x, y })),
    [tensor, step, x, y],
  );
  const label = points === undefined ? `no points of ${title}` : `${points.count} points of step ${step} of ${title}`;
  return { points, label, series };
}

function dimensionOf(jobs: readonly ComparedJob[]): number {
  return Math.max(1, ...jobs.map((job) => job.job.value?.spec?.dimension ?? 1));
}

function caption({ points, label }: Layer): string {
  return points === undefined ? "no samples at this time" : label.replace(/ of step (\d+).*/, " of step $1");
}

export function Pictures({ jobs, titles, periodMs }: Properties) {
  const { parameters } = link.value;
  const dimension = dimensionOf(jobs);
  const x = readAxis(parameters.get("x"), 0, dimension);
  const y = readAxis(parameters.get("y"), 1, dimension);
  // The list of jobs is the same for as long as this is shown, so that each has its hook.
  const layers = jobs.map((job, i) => useLayer(job, titles[i] ?? "", i, x, y));
  const drawn = layers.flatMap((layer) => layer.points ?? []);
  const [camera, setCamera] = useCamera(drawn, `${x},${y}`);
  const over = parameters.get("lay") === "over";
  const contours = parameters.get("over") === "contours";
  const names: readonly [string, string] = [axisName(x), dimension > 1 ? axisName(y) : ""];
  const view = (shown: readonly Layer[]) => (
    <PointsView
      layers={shown}
      names={names}
      camera={camera}
      onCamera={(next: Camera | undefined) => setCamera(next)}
      periodMs={periodMs}
      trails={[]}
      overlay={{ contours, targets: [], exact: undefined, spheres: [] }}
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
          {dimension > 2 && (
            <>
              <AxisChoice word="Across" parameter="x" value={x} dimension={dimension} />
              <AxisChoice word="Up" parameter="y" value={y} dimension={dimension} />
            </>
          )}
          {dimension > 1 && (
            <label class="check">
              <input
                type="checkbox"
                checked={contours}
                onChange={(event) => remember({ over: event.currentTarget.checked ? "contours" : "" })}
              />
              contours
            </label>
          )}
          <button type="button" class="small" onClick={() => setCamera(undefined)}>
            Show all
          </button>
        </div>
      </div>
      {over ? (
        view(layers)
      ) : (
        <div class="side-by-side">
          {layers.map((layer, i) => (
            <figure key={jobs[i]?.name}>
              {view([layer])}
              <figcaption class={`s${i}`}>
                <span class="dot" aria-hidden="true" /> {titles[i]}: {caption(layer)}
              </figcaption>
            </figure>
          ))}
        </div>
      )}
    </>
  );
}
