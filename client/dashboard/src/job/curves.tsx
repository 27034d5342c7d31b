// The curves of a job: energy by term, distance moved, the energy inequality, metrics, inner loss, seconds a step.
import { useMemo } from "preact/hooks";
import type { Job } from "contract/sliceflow/v1/job_pb";
import { termNames } from "../kinds";
import { link, remember } from "../link";
import { type Clock, clockOf, courseOf, placesOf, quantitiesOf, seriesOf } from "./courses";
import { type Curve, CurvePanels } from "./curve_panels";
import type { Flow, InnerPoint, Step } from "./flow";
import { distanceName } from "./moved";

function curvesOf(steps: readonly Step[], inner: readonly InnerPoint[], clock: Clock, job: Job): Curve[] {
  const terms = termNames(job.spec?.functional?.terms ?? []);
  const places = placesOf(steps, clock);
  const curves = quantitiesOf(steps, distanceName(job.spec)).map((quantity): Curve => {
    const { key, title, note } = quantity;
    const whole = seriesOf(quantity.name, quantity, steps, places);
    if (key !== "energy") return { key, title, note, series: [whole] };
    const parts = terms.map((name, i) => ({ name, course: courseOf(steps, places, (step) => step.report.termEnergies[i]) }));
    return { key, title: "Energy by term", note, series: parts.length < 2 ? [whole] : [whole, ...parts] };
  });
  if (clock === "step" && inner.length > 0) {
    const note = "loss inside the steps, as seen since this page was opened; the server does not store it";
    const course = { x: inner.map((point) => point.at), y: inner.map((point) => point.loss) };
    curves.push({ key: "inner", title: "Inner loss", note, series: [{ name: "inner objective", course }] });
  }
  return curves;
}

export function Curves({ flow, job, now }: { readonly flow: Flow; readonly job: Job; readonly now: number }) {
  const clock = clockOf(link.value.parameters.get("axis"), "step");
  const steps = flow.steps.value;
  const inner = flow.innerPoints.value;
  const curves = useMemo(() => curvesOf(steps, inner, clock, job), [steps, inner, clock, job.name]);
  const here = steps.findIndex((step) => step.report.step === now);
  const onClock = (chosen: Clock) => remember({ axis: chosen === "step" ? "" : chosen, from: "", to: "" });
  return <CurvePanels curves={curves} clock={clock} onClock={onClock} now={here < 0 ? undefined : placesOf(steps, clock)[here]} />;
}
