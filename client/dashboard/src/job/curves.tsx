// The curves of a job: energy by term, distance moved, the energy inequality, metrics, inner loss, seconds a step.
import { useMemo } from "preact/hooks";
import type { Job } from "contract/sliceflow/v1/job_pb";
import { Chart, type Range, type Series } from "../chart/chart";
import { FiguresTable } from "../chart/figures_table";
import { termNames } from "../kinds";
import { link, remember } from "../link";
import type { Flow, InnerPoint, Step } from "./flow";

type Axis = "step" | "wasserstein" | "sliced";

const axisNames: Readonly<Record<Axis, string>> = { step: "step", wasserstein: "time (Wasserstein clock)", sliced: "time (sliced clock)" };

interface Curve {
  readonly key: string;
  readonly title: string;
  readonly note: string;
  readonly series: readonly Series[];
}

function axisOf(text: string | undefined): Axis {
  return text === "wasserstein" || text === "sliced" ? text : "step";
}

function placeOf(step: Step, axis: Axis): number {
  const { report } = step;
  if (axis === "step") return report.step;
  return axis === "wasserstein" ? report.wassersteinTime : report.slicedTime;
}

// Courses over steps. A step that retention has dropped is a gap of the line: a value that is none stands in its place.
function courseOf(steps: readonly Step[], axis: Axis, value: (step: Step) => number | undefined) {
  const x: number[] = [];
  const y: number[] = [];
  steps.forEach((step, i) => {
    const before = steps[i - 1];
    if (before !== undefined && step.report.step > before.report.step + 1) {
      x.push((placeOf(before, axis) + placeOf(step, axis)) / 2);
      y.push(Number.NaN);
    }
    x.push(placeOf(step, axis));
    y.push(value(step) ?? Number.NaN);
  });
  return { x, y };
}

function energyCurves(steps: readonly Step[], axis: Axis, terms: readonly string[]): Series[] {
  const band = courseOf(steps, axis, (step) => 2 * step.report.energyStandardError).y.map((half) => (Number.isFinite(half) ? half : 0));
  const total: Series = { name: "energy", course: courseOf(steps, axis, (step) => step.report.energy), band };
  if (terms.length < 2) return [total];
  return [total, ...terms.map((name, i) => ({ name, course: courseOf(steps, axis, (step) => step.report.termEnergies[i]) }))];
}

function metricNames(steps: readonly Step[]): string[] {
  return [...new Set(steps.flatMap((step) => step.report.metrics.map((metric) => metric.name)))];
}

function innerSeries(points: readonly InnerPoint[]): Series[] {
  return [{ name: "inner objective", course: { x: points.map((point) => point.at), y: points.map((point) => point.loss) } }];
}

function curvesOf(steps: readonly Step[], inner: readonly InnerPoint[], axis: Axis, terms: readonly string[]): Curve[] {
  const moved = steps.filter((step) => step.report.step > 0);
  const checked = moved.filter((step) => step.report.energyInequality !== undefined);
  const one = (name: string, from: readonly Step[], value: (step: Step) => number | undefined): Series[] => [
    { name, course: courseOf(from, axis, value) },
  ];
  const curves: Curve[] = [
    {
      key: "energy",
      title: "Energy by term",
      note: "F(ρ) on a batch that is the same at every step, with two standard errors",
      series: energyCurves(steps, axis, terms),
    },
    {
      key: "moved",
      title: "Distance moved",
      note: "D² to the step before, in the solver's distance",
      series: one("moved²", moved, (step) => step.report.distanceSquared),
    },
  ];
  if (checked.length > 0) {
    const band = courseOf(checked, axis, (step) => 3 * (step.report.energyInequality?.standardError ?? 0)).y;
    const course = courseOf(checked, axis, (step) => step.report.energyInequality?.slack);
    const note = "slack of J(ρₖ₊₁) ≤ J(ρₖ) with three standard errors: at least 0 where the inequality holds";
    curves.push({
      key: "inequality",
      title: "Energy inequality",
      note,
      series: [{ name: "slack", course, band: band.map((half) => half || 0) }],
    });
  }
  for (const name of metricNames(steps)) {
    const value = (step: Step) => step.report.metrics.find((metric) => metric.name === name)?.value;
    curves.push({ key: `metric-${name}`, title: name, note: "metric of the job", series: one(name, steps, value) });
  }
  if (axis === "step" && inner.length > 0) {
    const note = "loss inside the steps, as seen since this page was opened; the server does not store it";
    curves.push({ key: "inner", title: "Inner loss", note, series: innerSeries(inner) });
  }
  curves.push({
    key: "seconds",
    title: "Seconds a step",
    note: "wall time on the worker",
    series: one("seconds", moved, (step) => step.report.seconds),
  });
  return curves;
}

function readRange(parameters: ReadonlyMap<string, string>): Range | undefined {
  const from = Number(parameters.get("from") ?? Number.NaN);
  const to = Number(parameters.get("to") ?? Number.NaN);
  return from < to ? { from, to } : undefined;
}

const short = (value: number) => String(Number(value.toPrecision(5)));

function Legend({ series }: { readonly series: readonly Series[] }) {
  if (series.length < 2) return null;
  return (
    <ul class="legend">
      {series.map((each, i) => (
        <li key={each.name} class={`s${i % 8}`}>
          <svg width="22" height="8" aria-hidden="true">
            <line class="line" x1="0" x2="22" y1="4" y2="4" />
          </svg>
          {each.name}
        </li>
      ))}
    </ul>
  );
}

function Toolbar({ axis, range }: { readonly axis: Axis; readonly range: Range | undefined }) {
  const setEnd = (end: "from" | "to") => (event: Event) => {
    const { value } = event.currentTarget as HTMLInputElement;
    remember({ [end]: value });
  };
  return (
    <div class="toolbar">
      <label>
        Over
        <select
          value={axis}
          onChange={(event) => remember({ axis: event.currentTarget.value === "step" ? "" : event.currentTarget.value, from: "", to: "" })}
        >
          {Object.entries(axisNames).map(([key, name]) => (
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

export function Curves({ flow, job, now }: { readonly flow: Flow; readonly job: Job; readonly now: number }) {
  const { parameters } = link.value;
  const axis = axisOf(parameters.get("axis"));
  const range = readRange(parameters);
  const logs = new Set((parameters.get("log") ?? "").split(",").filter((key) => key !== ""));
  const steps = flow.steps.value;
  const inner = flow.innerPoints.value;
  const terms = useMemo(() => termNames(job.spec?.functional?.terms ?? []), [job.name]);
  const curves = useMemo(() => curvesOf(steps, inner, axis, terms), [steps, inner, axis, terms]);
  const here = flow.stepAt(now);
  const setLog = (key: string, on: boolean) => {
    const others = [...logs].filter((other) => other !== key);
    remember({ log: (on ? [...others, key] : others).join(",") });
  };
  const onRange = (chosen: Range | undefined) =>
    remember(chosen === undefined ? { from: "", to: "" } : { from: short(chosen.from), to: short(chosen.to) });
  return (
    <section aria-labelledby="curves-title">
      <h2 id="curves-title">Curves</h2>
      <Toolbar axis={axis} range={range} />
      <div class="curves">
        {curves.map(({ key, title, note, series }) => (
          <section class="panel" key={key} aria-label={title}>
            <div class="panel-head">
              <h3>{title}</h3>
              <label class="check">
                <input type="checkbox" checked={logs.has(key)} onChange={(event) => setLog(key, event.currentTarget.checked)} />
                log<span class="unseen">arithmic axis of {title}</span>
              </label>
            </div>
            <Chart
              title={title}
              xName={axisNames[axis]}
              series={series}
              log={logs.has(key)}
              whole={axis === "step"}
              now={here === undefined ? undefined : placeOf(here, axis)}
              range={range}
              onRange={onRange}
            />
            <Legend series={series} />
            <p class="faint">{note}</p>
            <FiguresTable title={title} xName={axisNames[axis]} series={series} />
          </section>
        ))}
      </div>
    </section>
  );
}
