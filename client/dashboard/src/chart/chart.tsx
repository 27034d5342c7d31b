import { useSignal } from "@preact/signals";
import { useMemo, useRef } from "preact/hooks";
import { useSize } from "../size";
import { figure } from "../words";
import { type Course, envelope, type Place } from "./envelope";
import { logTicks, longest, ticks, tickTexts } from "./ticks";

export interface Series {
  readonly name: string;
  readonly course: Course;
  // Half the height of a band about the values, such as three standard errors. Default: none.
  readonly band?: readonly number[];
}

export interface Range {
  readonly from: number;
  readonly to: number;
}

interface Properties {
  readonly title: string;
  readonly xName: string;
  readonly series: readonly Series[];
  readonly log: boolean;
  // Whether only whole numbers are on the horizontal axis.
  readonly whole: boolean;
  // The ends of the horizontal axis where no range is chosen. Default: those of the series.
  readonly ends?: Range | undefined;
  // Where what the page shows is on the axis.
  readonly now: number | undefined;
  readonly range: Range | undefined;
  readonly onRange: (range: Range | undefined) => void;
}

const height = 190;
// The left one grows with what is written there.
const margin = { left: 70, right: 10, top: 8, bottom: 30 };
const digitWidth = 7.4;
const leastColumn = 70;
const smallestDrag = 4;

interface Axes {
  // Where the drawing begins. Unit: pixels.
  readonly left: number;
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly toX: (pixel: number) => number;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
  readonly drawable: (value: number) => boolean;
}

function extent(values: Iterable<number>): readonly [number, number] | undefined {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : undefined;
}

function cut(series: Series, range: Range | undefined): Series {
  if (range === undefined) return series;
  const kept = series.course.x
    .map((_, i) => i)
    .filter((i) => (series.course.x[i] ?? 0) >= range.from && (series.course.x[i] ?? 0) <= range.to);
  const pick = (values: readonly number[]) => kept.map((i) => values[i] ?? Number.NaN);
  const course = { x: pick(series.course.x), y: pick(series.course.y) };
  return series.band === undefined ? { name: series.name, course } : { name: series.name, course, band: pick(series.band) };
}

// As many as have room for what is written at them.
function ticksAcross(left: number, right: number, inner: number, whole: boolean): readonly number[] {
  const of = (column: number) => ticks(left, right, Math.max(2, Math.floor(inner / column)), whole);
  const close = of(leastColumn);
  return of(Math.max(leastColumn, digitWidth * (longest(tickTexts(close)) + 2)));
}

// From the first to the last place of some series.
export function endsOf(series: readonly Series[]): Range | undefined {
  const xs = extent(series.flatMap((each) => [each.course.x[0] ?? Number.NaN, each.course.x.at(-1) ?? Number.NaN]));
  return xs === undefined ? undefined : { from: xs[0], to: xs[1] };
}

interface Look {
  readonly log: boolean;
  readonly whole: boolean;
  readonly width: number;
  readonly ends: Range | undefined;
}

function axesOf(series: readonly Series[], { log, whole, width, ends }: Look): Axes | undefined {
  const drawable = (value: number) => Number.isFinite(value) && (!log || value > 0);
  const withBands = series.flatMap((each) => each.course.y.flatMap((y, i) => [y - (each.band?.[i] ?? 0), y + (each.band?.[i] ?? 0)]));
  const ys = extent(withBands.filter(drawable));
  if (ends === undefined || ys === undefined) return undefined;
  const [left, right] = ends.from === ends.to ? [ends.from - 0.5, ends.to + 0.5] : [ends.from, ends.to];
  const scale = (value: number) => (log ? Math.log10(value) : value);
  const flat = ys[0] === ys[1];
  const padding = flat ? Math.abs(ys[0]) * 0.05 || 0.5 : 0;
  const bottom = log ? scale(ys[0]) - (flat ? 0.2 : 0) : ys[0] - padding;
  const top = log ? scale(ys[1]) + (flat ? 0.2 : 0) : ys[1] + padding;
  const yTicks = log ? logTicks(10 ** bottom, 10 ** top) : ticks(bottom, top, 6);
  const begin = Math.max(margin.left, digitWidth * longest(tickTexts(yTicks)) + 10);
  const inner = width - begin - margin.right;
  const x = (value: number) => begin + ((value - left) / (right - left)) * inner;
  const y = (value: number) => margin.top + ((top - scale(value)) / (top - bottom)) * (height - margin.top - margin.bottom);
  const toX = (pixel: number) => left + ((pixel - begin) / inner) * (right - left);
  return { left: begin, x, y, toX, drawable, xTicks: ticksAcross(left, right, inner, whole), yTicks };
}

function path(places: readonly Place[], axes: Axes): string {
  return places.map((place, i) => `${i === 0 ? "M" : "L"}${axes.x(place.x).toFixed(1)} ${axes.y(place.y).toFixed(1)}`).join("");
}

// The band as one closed shape. Bands are of few points or none, as they are told of steps, so they are not thinned.
function bandPath(series: Series, axes: Axes): string {
  const rows = series.course.x.map((x, i) => ({ x, y: series.course.y[i] ?? Number.NaN, half: series.band?.[i] ?? 0 }));
  const drawn = rows.filter((row) => axes.drawable(row.y - row.half) && axes.drawable(row.y + row.half));
  if (drawn.length < 2) return "";
  const upper = drawn.map((row) => ({ x: row.x, y: row.y + row.half }));
  const lower = drawn.map((row) => ({ x: row.x, y: row.y - row.half })).reverse();
  return `${path([...upper, ...lower], axes)}Z`;
}

function Line({ series, axes, index }: { readonly series: Series; readonly axes: Axes; readonly index: number }) {
  const runs = useMemo(() => envelope(series.course, (x) => Math.floor(axes.x(x)), axes.drawable), [series, axes]);
  return (
    <g class={`series s${index % 8}`}>
      {series.band !== undefined && <path class="band" d={bandPath(series, axes)} />}
      {runs.map((run, i) =>
        run.length === 1 ? (
          <circle key={i} cx={axes.x(run[0]?.x ?? 0)} cy={axes.y(run[0]?.y ?? 1)} r="2.5" />
        ) : (
          <path key={i} class="line" d={path(run, axes)} />
        ),
      )}
    </g>
  );
}

function Grid({ axes, width }: { readonly axes: Axes; readonly width: number }) {
  const [xTexts, yTexts] = [tickTexts(axes.xTicks), tickTexts(axes.yTicks)];
  return (
    <g class="grid">
      {axes.xTicks.map((value, i) => (
        <g key={`x${value}`}>
          <line x1={axes.x(value)} x2={axes.x(value)} y1={margin.top} y2={height - margin.bottom} />
          <text x={axes.x(value)} y={height - margin.bottom + 16} text-anchor="middle">
            {xTexts[i]}
          </text>
        </g>
      ))}
      {axes.yTicks.map((value, i) => (
        <g key={`y${value}`}>
          <line x1={axes.left} x2={width - margin.right} y1={axes.y(value)} y2={axes.y(value)} />
          <text x={axes.left - 6} y={axes.y(value) + 4} text-anchor="end">
            {yTexts[i]}
          </text>
        </g>
      ))}
    </g>
  );
}

// The row of the series nearest to an x.
function nearest(course: Course, x: number): number {
  let best = 0;
  course.x.forEach((value, i) => {
    if (Math.abs(value - x) < Math.abs((course.x[best] ?? 0) - x)) best = i;
  });
  return best;
}

// The chosen range as far as there is anything of it, or all.
function shownEnds(all: Range | undefined, range: Range | undefined): Range | undefined {
  if (all === undefined || range === undefined) return all;
  const within = { from: Math.max(all.from, range.from), to: Math.min(all.to, range.to) };
  return within.from <= within.to ? within : undefined;
}

export function Chart({ title, xName, series, log, whole, ends, now, range, onRange }: Properties) {
  const frame = useRef<HTMLDivElement>(null);
  const size = useSize(frame);
  const drag = useSignal<{ readonly from: number; readonly to: number } | undefined>(undefined);
  const under = useSignal<number | undefined>(undefined);
  const { width } = size.value;
  const shown = useMemo(() => series.map((each) => cut(each, range)), [series, range?.from, range?.to]);
  const over = shownEnds(ends ?? endsOf(series), range);
  const axes = useMemo(
    () => (width > 0 ? axesOf(shown, { log, whole, width, ends: over }) : undefined),
    [shown, log, whole, width, over?.from, over?.to],
  );

  const pixelOf = (event: PointerEvent) => event.clientX - (frame.current?.getBoundingClientRect().left ?? 0);
  const down = (event: PointerEvent) => {
    if (axes === undefined || event.pointerType === "touch") return;
    frame.current?.setPointerCapture(event.pointerId);
    drag.value = { from: pixelOf(event), to: pixelOf(event) };
  };
  const move = (event: PointerEvent) => {
    if (drag.value !== undefined) drag.value = { ...drag.value, to: pixelOf(event) };
    under.value = axes?.toX(pixelOf(event));
  };
  const up = () => {
    const dragged = drag.value;
    drag.value = undefined;
    if (dragged === undefined || axes === undefined || Math.abs(dragged.to - dragged.from) < smallestDrag) return;
    const chosen = [axes.toX(dragged.from), axes.toX(dragged.to)].sort((a, b) => a - b);
    onRange({ from: chosen[0] ?? 0, to: chosen[1] ?? 0 });
  };

  const hidden = log ? shown.reduce((sum, each) => sum + each.course.y.filter((y) => !(y > 0)).length, 0) : 0;
  const finest = shown.reduce((best, each) => (each.course.x.length > best.course.x.length ? each : best), shown[0] ?? emptySeries);
  const at = under.value === undefined ? undefined : finest.course.x[nearest(finest.course, under.value)];
  const told = shown.filter((each) => each.course.x.length > 0);
  const reading = at === undefined ? undefined : told.map((each) => ({ name: each.name, value: valueAt(each.course, at) }));
  return (
    <div
      class="chart"
      ref={frame}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerLeave={() => (under.value = undefined)}
    >
      {axes === undefined ? (
        <p class="faint">{log && hidden > 0 ? "No value above 0 to show on a logarithmic axis." : "Nothing to show yet."}</p>
      ) : (
        <svg width={width} height={height} role="img" aria-label={`${title} over ${xName}; the table below has the figures`}>
          <Grid axes={axes} width={width} />
          {shown.map((each, i) => (
            <Line key={each.name} series={each} axes={axes} index={i} />
          ))}
          {now !== undefined && now >= axes.toX(axes.left) && now <= axes.toX(width - margin.right) && (
            <line class="now" x1={axes.x(now)} x2={axes.x(now)} y1={margin.top} y2={height - margin.bottom} />
          )}
          {drag.value !== undefined && (
            <rect
              class="brush"
              x={Math.min(drag.value.from, drag.value.to)}
              width={Math.abs(drag.value.to - drag.value.from)}
              y={margin.top}
              height={height - margin.top - margin.bottom}
            />
          )}
        </svg>
      )}
      <p class="reading" aria-hidden="true">
        {reading !== undefined && `${xName} ${figure(at ?? 0)}: ${reading.map((each) => `${each.name} ${figure(each.value)}`).join(", ")}`}
        {reading === undefined && hidden > 0 && axes !== undefined && `${hidden} values of 0 or below are not on this axis`}
      </p>
    </div>
  );
}

const emptySeries: Series = { name: "", course: { x: [], y: [] } };

function valueAt(course: Course, x: number): number {
  return course.y[nearest(course, x)] ?? Number.NaN;
}
