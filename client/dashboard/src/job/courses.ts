// What is told of steps as courses over a clock.
import type { Series } from "../chart/chart";
import type { Course } from "../chart/envelope";
import type { Step } from "./flow";
import { movedOf } from "./moved";

export type Clock = "step" | "wasserstein" | "sliced" | "wall";

export const clockNames: Readonly<Record<Clock, string>> = {
  step: "step",
  wasserstein: "time (Wasserstein clock)",
  sliced: "time (sliced clock)",
  wall: "seconds of computing",
};

export function clockOf(text: string | undefined, fallback: Clock): Clock {
  return text !== undefined && Object.hasOwn(clockNames, text) ? (text as Clock) : fallback;
}

// Where each step is on the clock. Seconds are added up over the steps that are known.
export function placesOf(steps: readonly Step[], clock: Clock): number[] {
  let seconds = 0;
  return steps.map(({ report }) => {
    seconds += report.seconds;
    if (clock === "wall") return seconds;
    return clock === "step" ? report.step : clock === "wasserstein" ? report.wassersteinTime : report.slicedTime;
  });
}

// Steps that have no such value are left out. A step that retention has dropped is a gap of the line: a value that is none stands in its
// place.
export function courseOf(steps: readonly Step[], places: readonly number[], value: (step: Step) => number | undefined): Course {
  const x: number[] = [];
  const y: number[] = [];
  let before: { readonly number: number; readonly place: number } | undefined;
  steps.forEach((step, i) => {
    const here = { number: step.report.step, place: places[i] ?? 0 };
    const told = value(step);
    if (told === undefined) return;
    if (before !== undefined && here.number > before.number + 1) {
      x.push((before.place + here.place) / 2);
      y.push(Number.NaN);
    }
    x.push(here.place);
    y.push(told);
    before = here;
  });
  return { x, y };
}

// The quantity of some steps as a line, with its band.
export function seriesOf(name: string, quantity: Quantity, steps: readonly Step[], places: readonly number[]): Series {
  const course = courseOf(steps, places, quantity.value);
  const { band } = quantity;
  if (band === undefined) return { name, course };
  const halves = courseOf(steps, places, (step) => (quantity.value(step) === undefined ? undefined : band(step)));
  return { name, course, band: halves.y.map((half) => half || 0) };
}

// A quantity that steps are told by; undefined where a step has none.
export interface Quantity {
  readonly key: string;
  readonly title: string;
  // What one line of it is called where it stands alone.
  readonly name: string;
  readonly note: string;
  readonly value: (step: Step) => number | undefined;
  // Half the height of the band about it. Default: none.
  readonly band?: (step: Step) => number;
}

function metricNames(steps: readonly Step[]): string[] {
  return [...new Set(steps.flatMap((step) => step.report.metrics.map((metric) => metric.name)))];
}

// Those that these steps have, in the order of the page. `distance`: which one they moved in.
export function quantitiesOf(steps: readonly Step[], distance: string): Quantity[] {
  const quantities: Quantity[] = [
    {
      key: "energy",
      title: "Energy",
      name: "energy",
      note: "F(ρ) on a batch that is the same at every step, with two standard errors",
      value: ({ report }) => report.energy,
      band: ({ report }) => 2 * report.energyStandardError,
    },
    {
      key: "moved",
      title: "Distance moved",
      name: "moved",
      note: `${distance} to the step before`,
      value: ({ report }) => (report.step > 0 ? movedOf(report).distance : undefined),
    },
  ];
  if (steps.some((step) => step.report.energyInequality !== undefined)) {
    quantities.push({
      key: "inequality",
      title: "Energy inequality",
      name: "slack",
      note: "slack of J(ρₖ₊₁) ≤ J(ρₖ) with three standard errors: at least 0 where the inequality holds",
      value: ({ report }) => report.energyInequality?.slack,
      band: ({ report }) => 3 * (report.energyInequality?.standardError ?? 0),
    });
  }
  for (const name of metricNames(steps)) {
    const value = (step: Step) => step.report.metrics.find((metric) => metric.name === name)?.value;
    quantities.push({ key: `metric-${name}`, title: name, name, note: "metric of the job", value });
  }
  quantities.push({
    key: "seconds",
    title: "Seconds a step",
    name: "seconds",
    note: "wall time on the worker",
    value: ({ report }) => (report.step > 0 ? report.seconds : undefined),
  });
  return quantities;
}
