// The points of the shown step, and how they are looked at.
import { useComputed } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { ExportMenu } from "../export/export_menu";
import { link, remember } from "../link";
import { type Basis, mainDirections, place, type Points, type Projection } from "../points/plane";
import { ImageGrid, imageShapeOf } from "../points/image_grid";
import type { Trail } from "../points/axes";
import { PointsView } from "../points/points_view";
import { useCamera } from "../points/use_camera";
import { AxisChoice, axisName, readAxis } from "../points/axis_choice";
import { loadServerInfo, serverInfo } from "../server/server_info";
import type { Tensor } from "../server/tensor";
import { DataFigures, ExactFigures } from "./plane_figures";
import { OverlayChoice, TargetProblem, useReferences } from "./references";
import { RoundFigures } from "./round_figures";
import type { Flow } from "./flow";
import type { Player } from "./player";
import { SamplesTable } from "./samples_table";
import type { SampleStore } from "./sample_store";
import { Scrubber } from "./scrubber";
import { useTargetRows } from "./target_rows";

const drawCounts = [1000, 10_000, 100_000, 1_000_000];
const maxTrails = 7;

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
  else if (basis.current === undefined && tensor !== undefined) basis.current = mainDirections([tensor], `main ${shown}`);
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
  const targetRows = useTargetRows([flow.job.value]);
  const references = useReferences(flow.job.value, shown === undefined ? undefined : flow.stepAt(shown), projection, targetRows);
  const exact = references.overlay.exact[0];
  const [camera, setCamera] = useCamera(
    points === undefined ? [] : [points, ...references.overlay.data],
    JSON.stringify(projection.kind === "pair" ? [projection.x, projection.y] : projection.basis.key),
  );
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
          {view !== "images" && <OverlayChoice references={references} flat={dimension === 1} />}
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
          layers={[{ points, label, series: 0 }]}
          names={names}
          camera={camera}
          onCamera={setCamera}
          periodMs={player.periodMs}
          trails={trails}
          overlays={[references.overlay]}
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
      {view !== "images" && points !== undefined && points.y >= 0 && exact !== undefined && (
        <ExactFigures exact={exact} points={points} names={names} sliced={solver === undefined || solver === "swJko"} />
      )}
      {view !== "images" &&
        points !== undefined &&
        references.data.map((data) => <DataFigures key={data.name} data={data} points={points} names={names} />)}
      {view !== "images" && <TargetProblem rows={targetRows} />}
      {view !== "images" &&
        tensor !== undefined &&
        references.rounds.map(({ as, law }) => (
          <RoundFigures
            key={as}
            law={law}
            tensor={tensor}
            sliced={as === "exact" && dimension > 1 && (solver === undefined || solver === "swJko")}
          />
        ))}
      <Scrubber flow={flow} player={player} drawn={drawn} />
      <ExportMenu
        flow={flow}
        store={store}
        player={player}
        view={{ projection, camera, names, overlayAt: references.overlayAt, images: view === "images" ? images : undefined }}
      />
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
