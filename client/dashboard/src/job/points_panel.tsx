// The points of the shown step, and how they are looked at.
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { link, remember } from "../link";
import { type Camera, readCamera, writeCamera } from "../points/camera";
import { type Basis, cameraFor, mainDirections, place, type Points, type Projection } from "../points/plane";
import { ImageGrid, imageShapeOf } from "../points/image_grid";
import { PointsView, type Trail } from "../points/points_view";
import { loadServerInfo, serverInfo } from "../server/server_info";
import type { Tensor } from "../server/tensor";
import { ExactFigures, OverlayChoice, useComparison } from "./comparison";
import type { Flow } from "./flow";
import type { Player } from "./player";
import { SamplesTable } from "./samples_table";
import type { SampleStore } from "./sample_store";
import { Scrubber } from "./scrubber";

const drawCounts = [1000, 10_000, 100_000, 1_000_000];
const maxTrails = 7;
const maxChoices = 64;

const subscript = (axis: number) => String(axis + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)] ?? digit);
const axisName = (axis: number) => `x${subscript(axis)}`;

function AxisChoice({ word, parameter, value, dimension }: { word: string; parameter: string; value: number; dimension: number }) {
  const choose = (text: string) => remember({ [parameter]: text, camera: "", rows: "" });
  return (
    <label>
      {word}
      {dimension <= maxChoices ? (
        <select value={String(value + 1)} onChange={(event) => choose(event.currentTarget.value)}>
          {Array.from({ length: dimension }, (_, axis) => (
            <option key={axis} value={String(axis + 1)}>
              {axisName(axis)}
            </option>
          ))}
        </select>
      ) : (
        <input type="number" min={1} max={dimension} value={value + 1} onChange={(event) => choose(event.currentTarget.value)} />
      )}
    </label>
  );
}

function readAxis(text: string | undefined, fallback: number, dimension: number): number {
  const axis = Number(text) - 1;
  return Number.isInteger(axis) && axis >= 0 && axis < dimension ? axis : Math.min(fallback, dimension - 1);
}

// Where the picked rows were at the steps that are loaded.
function trailsOf(rows: readonly number[], store: SampleStore, until: number, projection: Projection): Trail[] {
  if (rows.length === 0) return [];
  const placed = store.numbers.filter((step) => step <= until).flatMap((step) => placeKept(store, step, projection));
  return rows.map((row) => ({
    row,
    places: placed
      .filter((points) => row < points.count)
      .map((points) => ({
        x: points.values[row * points.stride + points.x] ?? 0,
        y: points.y < 0 ? 0 : (points.values[row * points.stride + points.y] ?? 0),
      })),
  }));
}

function placeKept(store: SampleStore, step: number, projection: Projection): Points[] {
  const tensor = store.peek(step);
  return tensor === undefined ? [] : [place(tensor, step, projection)];
}

function readRows(text: string | undefined): readonly number[] {
  return (text ?? "")
    .split(",")
    .filter((part) => /^\d+$/.test(part))
    .map(Number)
    .slice(0, maxTrails);
}

// A camera of the user's own, or one that shows everything seen so far, which only grows, so that the picture holds still.
function useCamera(points: Points | undefined, view: string): readonly [Camera, (camera: Camera | undefined) => void] {
  const chosen = useSignal(readCamera(link.value.parameters.get("camera") ?? ""));
  const fitted = useRef<{ readonly view: string; readonly camera: Camera } | undefined>(undefined);
  const asked = link.value.parameters.get("camera") ?? "";
  useEffect(() => {
    if (asked === "") chosen.value = undefined;
    else if (chosen.value === undefined || writeCamera(chosen.value) !== asked) chosen.value = readCamera(asked);
  }, [asked]);
  const fit = useMemo(() => {
    if (points === undefined) return fitted.current?.camera ?? { x: 0, y: 0, radius: 1 };
    const now = cameraFor([points]);
    const before = fitted.current?.view === view ? fitted.current.camera : undefined;
    const camera = before === undefined ? now : united(before, now);
    fitted.current = { view, camera };
    return camera;
  }, [points, view]);
  const set = (camera: Camera | undefined) => {
    chosen.value = camera;
    remember({ camera: camera === undefined ? "" : writeCamera(camera) });
  };
  return [chosen.value ?? fit, set];
}

function united(a: Camera, b: Camera): Camera {
  const left = Math.min(a.x - a.radius, b.x - b.radius);
  const right = Math.max(a.x + a.radius, b.x + b.radius);
  const bottom = Math.min(a.y - a.radius, b.y - b.radius);
  const top = Math.max(a.y + a.radius, b.y + b.radius);
  const radius = Math.max(right - left, top - bottom) / 2;
  // Without a need the camera stays the same one, and nothing is drawn anew.
  return radius <= a.radius * 1.000001 ? a : { x: (left + right) / 2, y: (bottom + top) / 2, radius };
}

function DrawChoice({ store }: { readonly store: SampleStore }) {
  useEffect(() => void loadServerInfo().catch(() => undefined), []);
  const most = serverInfo.value?.limits?.maxSamples ?? 0;
  return (
    <label>
      Points
      <select
        value={String(store.drawCount.value)}
        onChange={(event) => remember({ draw: event.currentTarget.value === "0" ? "" : event.currentTarget.value, rows: "" })}
      >
        <option value="0">as stored</option>
        {drawCounts
          .filter((count) => count <= most || count === store.drawCount.value)
          .map((count) => (
            <option key={count} value={String(count)}>
              {count.toLocaleString("en")} drawn
            </option>
          ))}
      </select>
    </label>
  );
}

function useProjection(tensor: Tensor | undefined, shown: number | undefined, dimension: number): Projection {
  const { parameters } = link.value;
  const basis = useRef<Basis | undefined>(undefined);
  const main = parameters.get("view") === "main" && dimension > 2;
  const x = readAxis(parameters.get("x"), 0, dimension);
  const y = readAxis(parameters.get("y"), 1, dimension);
  // The directions are those of the step where they were asked for, so that steps can be compared.
  if (!main) basis.current = undefined;
  else if (basis.current === undefined && tensor !== undefined) basis.current = mainDirections(tensor, `main ${shown}`);
  const current = basis.current;
  return useMemo(() => (current === undefined ? { kind: "pair", x, y } : { kind: "main", basis: current }), [current, x, y]);
}

export function PointsPanel({ flow, store, player }: { readonly flow: Flow; readonly store: SampleStore; readonly player: Player }) {
  const { parameters } = link.value;
  const dimension = flow.job.value?.spec?.dimension ?? 1;
  const shown = player.shown.value;
  const version = store.version.value;
  const images = imageShapeOf(flow.job.value?.spec);
  const asked = parameters.get("view") ?? "";
  const view = (asked === "main" && dimension > 2) || (asked === "images" && images !== undefined) ? asked : "";
  const tensor = shown === undefined ? undefined : store.peek(shown);
  const projection = useProjection(tensor, shown, dimension);
  const points = useMemo(
    () => (tensor === undefined || shown === undefined ? undefined : place(tensor, shown, projection)),
    [tensor, shown, projection],
  );
  const rows = readRows(parameters.get("rows"));
  const trails = useMemo(() => trailsOf(rows, store, shown ?? 0, projection), [parameters.get("rows"), shown, projection, version]);
  const [camera, setCamera] = useCamera(
    points,
    JSON.stringify(projection.kind === "pair" ? [projection.x, projection.y] : projection.basis.key),
  );
  const comparison = useComparison(flow.job.value, shown === undefined ? undefined : flow.stepAt(shown), projection);
  const drawn = store.drawCount.value > 0;
  useEffect(() => store.draw(Math.max(0, Math.floor(Number(parameters.get("draw") ?? 0)) || 0)), [parameters.get("draw")]);

  const solver = flow.job.value?.spec?.solver?.kind.case;
  const step = player.step.value;
  const names: readonly [string, string] =
    projection.kind === "main"
      ? ["1st main direction", "2nd main direction"]
      : [axisName(projection.x), dimension > 1 ? axisName(projection.y) : ""];
  const label =
    points === undefined ? "no points" : `${points.count} points of step ${shown}, ${names.filter((name) => name !== "").join(" and ")}`;
  const missing = useComputed(() => whyMissing(flow, store, player));
  const pick = (row: number) => {
    const others = rows.filter((other) => other !== row);
    remember({ rows: (others.length < rows.length ? others : [...rows, row].slice(-maxTrails)).join(",") });
  };
  return (
    <section class="panel" aria-labelledby="points-title">
      <div class="panel-head">
        <h2 id="points-title">Samples</h2>
        <div class="toolbar">
          {dimension > 2 && (
            <label>
              Plane
              <select value={view} onChange={(event) => remember({ view: event.currentTarget.value, camera: "", rows: "" })}>
                <option value="">two coordinates</option>
                <option value="main">main directions (PCA)</option>
                {images !== undefined && <option value="images">images</option>}
              </select>
            </label>
          )}
          {dimension > 2 && view === "" && projection.kind === "pair" && (
            <>
              <AxisChoice word="Across" parameter="x" value={projection.x} dimension={dimension} />
              <AxisChoice word="Up" parameter="y" value={projection.y} dimension={dimension} />
            </>
          )}
          {dimension > 1 && view !== "images" && <OverlayChoice comparison={comparison} />}
          <DrawChoice store={store} />
          <button type="button" class="small" disabled={view === "images"} onClick={() => setCamera(undefined)}>
            Show all
          </button>
        </div>
      </div>
      {view === "images" && images !== undefined ? (
        <ImageGrid tensor={tensor} step={shown ?? step} shape={images} />
      ) : (
        <PointsView
          points={points}
          label={label}
          names={names}
          camera={camera}
          onCamera={setCamera}
          periodMs={player.periodMs}
          trails={trails}
          overlay={comparison.overlay}
          onPick={pick}
        />
      )}
      <p class="caption" role="status">
        {points === undefined ? "" : `${points.count.toLocaleString("en")} points of step ${shown}`}
        {shown !== undefined && shown !== step && missing.value === "" ? `, step ${step} is on its way` : ""}
        {missing.value === "" ? "" : ` ${missing.value}`}
        {rows.length > 0 ? `; rows ${rows.join(", ")} followed over the steps that are loaded` : ""}
        {rows.length > 0 && (
          <button type="button" class="small" onClick={() => remember({ rows: "" })}>
            Follow none
          </button>
        )}
      </p>
      {view !== "images" && points !== undefined && points.y >= 0 && comparison.overlay.exact !== undefined && (
        <ExactFigures exact={comparison.overlay.exact} points={points} names={names} sliced={solver === undefined || solver === "swJko"} />
      )}
      <Scrubber flow={flow} player={player} drawn={drawn} />
      <SamplesTable tensor={tensor} step={shown ?? step} />
    </section>
  );
}

// Why the step that is asked for shows no points; empty where they are there or on their way.
function whyMissing(flow: Flow, store: SampleStore, player: Player): string {
  const number = player.step.value;
  const steps = flow.steps.value;
  if (steps.length === 0) return flow.connection.value.kind === "ended" ? "No step was completed." : "No step yet.";
  const step = flow.stepAt(number);
  if (step === undefined) return `Step ${number} is no longer kept by the server.`;
  const problem = store.problems.value.get(number);
  if (problem !== undefined) return `Step ${number}: ${problem}.`;
  if (store.drawCount.value > 0) return step.checkpointKept ? "" : `Step ${number} has no checkpoint to draw from.`;
  return step.sampleCount > 0 ? "" : `No samples were stored with step ${number}; its checkpoint can be drawn from.`;
}
