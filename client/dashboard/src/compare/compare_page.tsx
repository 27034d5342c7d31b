// Several jobs on one camera and one time: samples side by side or one over the other, figures, and curves over each other.
import { useEffect, useMemo } from "preact/hooks";
import { type Clock, clockNames, clockOf, placesOf, quantitiesOf, seriesOf } from "../job/courses";
import { type Curve, CurvePanels } from "../job/curve_panels";
import "../job/job.css";
import { commonDistanceName } from "../job/moved";
import { PlayButtons, usePlayKeys } from "../job/play_buttons";
import { address, arrivals, link, remember } from "../link";
import { figure } from "../words";
import "./compare.css";
import { type ComparedJob, ComparedJobs, fewestJobs, mostJobs, readNames } from "./compared_jobs";
import { FiguresHere } from "./figures_here";
import { JobsLegend, namesOf } from "./jobs_legend";
import { Pictures } from "./pictures";
import { SharedTime } from "./shared_time";

const firstClock: Clock = "wasserstein";
// Jobs whose figures have room beside the pictures.
const mostBeside = 2;

function curvesOf(jobs: readonly ComparedJob[], names: readonly string[], clock: Clock): Curve[] {
  const quantities = quantitiesOf(
    jobs.flatMap((job) => job.steps.value),
    commonDistanceName(jobs.map((job) => job.job.value?.spec)),
  );
  const places = jobs.map((job) => placesOf(job.steps.value, clock));
  // Every job has its line in every picture, be it empty, so that it has one colour in all of them.
  return quantities.map((quantity) => ({
    key: quantity.key,
    title: quantity.title,
    note: quantity.note,
    series: jobs.map((job, i) => seriesOf(names[i] ?? job.name, quantity, job.steps.value, places[i] ?? [])),
  }));
}

function Scrubber({ time }: { readonly time: SharedTime }) {
  const ticks = time.ticks.value;
  const last = Math.max(0, ticks.length - 1);
  const text = `${clockNames[time.clock.value]} ${figure(time.place.value)} of ${figure(ticks.at(-1) ?? 0)}`;
  return (
    <div class="scrubber">
      <div class="toolbar">
        <PlayButtons player={time} steps={ticks.length} />
        <span class="figures step-text">{text}</span>
      </div>
      <input
        type="range"
        min={0}
        max={Math.max(last, 1)}
        step={1}
        value={time.step.value}
        disabled={ticks.length === 0}
        aria-label="Time"
        aria-valuetext={text}
        onInput={(event) => time.choose(Number(event.currentTarget.value))}
      />
    </div>
  );
}

// Clock and place in the address: no place while the newest is followed.
function useTimeInAddress(time: SharedTime): (clock: Clock) => void {
  const { parameters } = link.value;
  const clock = clockOf(parameters.get("axis"), firstClock);
  useEffect(() => {
    time.clock.value = clock;
  }, [clock]);
  useEffect(() => {
    const asked = Number(link.peek().parameters.get("at") ?? Number.NaN);
    if (Number.isFinite(asked)) time.chosen.value = asked;
  }, [arrivals.value]);
  const place = time.chosen.value;
  useEffect(() => remember({ at: place === undefined ? "" : String(Number(place.toPrecision(9))) }), [place]);
  return (chosen) => {
    time.follow();
    remember({ axis: chosen === firstClock ? "" : chosen, from: "", to: "" });
  };
}

function Comparison({ names }: { readonly names: readonly string[] }) {
  const { jobs, time } = useMemo(() => {
    const made = new ComparedJobs(names);
    return { jobs: made, time: new SharedTime(made.all) };
  }, []);
  useEffect(
    () => () => {
      time.close();
      jobs.close();
    },
    [],
  );
  usePlayKeys(time);
  const onClock = useTimeInAddress(time);
  const clock = time.clock.value;
  const titles = namesOf(jobs.all);
  const told = jobs.all.map((job) => job.steps.value);
  const curves = useMemo(
    () => curvesOf(jobs.all, titles, clock),
    [...told, titles.join("\n"), jobs.all.every((job) => job.job.value !== undefined), clock],
  );
  return (
    <>
      <JobsLegend jobs={jobs.all} titles={titles} />
      <div class={jobs.all.length > mostBeside ? "compare-body stacked" : "compare-body"}>
        <section class="panel" aria-labelledby="samples-title">
          <Pictures jobs={jobs.all} titles={titles} periodMs={time.periodMs} />
          <Scrubber time={time} />
        </section>
        <FiguresHere jobs={jobs.all} titles={titles} clock={clock} place={time.place.value} />
      </div>
      <CurvePanels curves={curves} clock={clock} onClock={onClock} now={time.place.value} />
    </>
  );
}

export function ComparePage() {
  const names = readNames(link.value.parameters.get("jobs"));
  return (
    <>
      <h1>Comparison</h1>
      {names.length < fewestJobs ? (
        <p>
          Choose between {fewestJobs} and {mostJobs} jobs: tick them among <a href={address("jobs")}>the jobs</a>, then press “Compare”.
        </p>
      ) : (
        <Comparison names={names} />
      )}
    </>
  );
}
