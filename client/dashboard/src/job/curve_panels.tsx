// Pictures of courses that share one clock and one range, which the address holds.
import { useMemo } from "preact/hooks";
import { Chart, endsOf, type Range, type Series } from "../chart/chart";
import { FiguresTable } from "../chart/figures_table";
import { link, remember } from "../link";
import { type Clock, clockNames } from "./courses";

export interface Curve {
  readonly key: string;
  readonly title: string;
  readonly note: string;
  readonly series: readonly Series[];
}

function readRange(parameters: ReadonlyMap<string, string>): Range | undefined {
  const from = Number(parameters.get("from") ?? Number.NaN);
  const to = Number(parameters.get("to") ?? Number.NaN);
  return from < to ? { from, to } : undefined;
}

const short = (value: number) => String(Number(value.toPrecision(5)));

// Lines whose figures have room in a panel as wide as the others.
const mostNarrow = 3;

const isTold = (series: Series) => series.course.x.length > 0;

// Those that have a line in the picture.
function Legend({ series }: { readonly series: readonly Series[] }) {
  if (series.length < 2) return null;
  return (
    <ul class="legend">
      {series.map(
        (each, i) =>
          isTold(each) && (
            <li key={each.name} class={`s${i % 8}`}>
              <svg width="22" height="8" aria-hidden="true">
                <line class="line" x1="0" x2="22" y1="4" y2="4" />
              </svg>
              {each.name}
            </li>
          ),
      )}
    </ul>
  );
}

interface ToolbarProperties {
  readonly clock: Clock;
  readonly onClock: (clock: Clock) => void;
  readonly range: Range | undefined;
}

function Toolbar({ clock, onClock, range }: ToolbarProperties) {
  const setEnd = (end: "from" | "to") => (event: Event) => {
    const { value } = event.currentTarget as HTMLInputElement;
    remember({ [end]: value });
  };
  return (
    <div class="toolbar">
      <label>
        Over
        <select value={clock} onChange={(event) => onClock(event.currentTarget.value as Clock)}>
          {Object.entries(clockNames).map(([key, name]) => (
            <option key={key} value={key}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        from
        <input type="number" step="any" value={link.value.parameters.get("from") ?? ""} onChange={setEnd("from")} />
      </label>
      <label>
        to
        <input type="number" step="any" value={link.value.parameters.get("to") ?? ""} onChange={setEnd("to")} />
      </label>
      <button type="button" class="small" disabled={range === undefined} onClick={() => remember({ from: "", to: "" })}>
        Whole range
      </button>
      <span class="faint">or drag over a curve</span>
    </div>
  );
}

interface Properties {
  readonly curves: readonly Curve[];
  readonly clock: Clock;
  readonly onClock: (clock: Clock) => void;
  // Where what the page shows is on the clock.
  readonly now: number | undefined;
}

export function CurvePanels({ curves, clock, onClock, now }: Properties) {
  const { parameters } = link.value;
  const range = readRange(parameters);
  const logs = new Set((parameters.get("log") ?? "").split(",").filter((key) => key !== ""));
  const setLog = (key: string, on: boolean) => {
    const others = [...logs].filter((other) => other !== key);
    remember({ log: (on ? [...others, key] : others).join(",") });
  };
  const onRange = (chosen: Range | undefined) =>
    remember(chosen === undefined ? { from: "", to: "" } : { from: short(chosen.from), to: short(chosen.to) });
  // One axis for all, so that what lies below each other happened at one time.
  const ends = useMemo(() => endsOf(curves.flatMap((curve) => curve.series)), [curves]);
  return (
    <section aria-labelledby="curves-title">
      <h2 id="curves-title">Curves</h2>
      <Toolbar clock={clock} onClock={onClock} range={range} />
      <div class="curves">
        {curves.map(({ key, title, note, series }) => (
          <section class={series.filter(isTold).length > mostNarrow ? "panel wide" : "panel"} key={key} aria-label={title}>
            <div class="panel-head">
              <h3>{title}</h3>
              <label class="check">
                <input type="checkbox" checked={logs.has(key)} onChange={(event) => setLog(key, event.currentTarget.checked)} />
                log<span class="unseen">arithmic axis of {title}</span>
              </label>
            </div>
            <Chart
              title={title}
              xName={clockNames[clock]}
              series={series}
              log={logs.has(key)}
              whole={clock === "step"}
              ends={ends}
              now={now}
              range={range}
              onRange={onRange}
            />
            <Legend series={series} />
            <p class="faint">{note}</p>
            <FiguresTable title={title} xName={clockNames[clock]} series={series.filter(isTold)} />
          </section>
        ))}
      </div>
    </section>
  );
}
