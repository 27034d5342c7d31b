// Each job's figures at the time that is shown.
import { type Clock, clockNames, quantitiesOf } from "../job/courses";
import { commonDistanceName } from "../job/moved";
import { figure } from "../words";
import type { ComparedJob } from "./compared_jobs";

interface Properties {
  readonly jobs: readonly ComparedJob[];
  readonly titles: readonly string[];
  readonly clock: Clock;
  readonly place: number;
}

const text = (value: number | undefined) => (value === undefined ? "–" : figure(value));

export function FiguresHere({ jobs, titles, clock, place }: Properties) {
  const steps = jobs.map((job) => job.wanted.value);
  const quantities = quantitiesOf(
    steps.filter((step) => step !== undefined),
    commonDistanceName(jobs.map((job) => job.job.value?.spec)),
  );
  const rows = [
    { key: "step", title: "step", values: steps.map((step) => text(step?.report.step)) },
    { key: "wasserstein", title: "time, Wasserstein clock", values: steps.map((step) => text(step?.report.wassersteinTime)) },
    { key: "sliced", title: "time, sliced clock", values: steps.map((step) => text(step?.report.slicedTime)) },
    ...quantities.map(({ key, title, value }) => ({
      key,
      title,
      values: steps.map((step) => text(step === undefined ? undefined : value(step))),
    })),
    {
      key: "converged",
      title: "converged",
      values: steps.map((step) => (step === undefined ? "–" : step.report.converged ? "yes" : "no")),
    },
  ];
  return (
    <section class="panel figures-here" aria-labelledby="figures-title">
      <h2 id="figures-title">
        At {clockNames[clock]} {figure(place)}
      </h2>
      <div class="scroll" role="region" tabIndex={0} aria-label="Figures of the jobs at this time">
        <table>
          <thead>
            <tr>
              <td />
              {titles.map((title, i) => (
                <th scope="col" key={jobs[i]?.name} class={`s${i}`}>
                  <span class="dot" aria-hidden="true" /> {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.key}>
                <th scope="row">{row.title}</th>
                {row.values.map((value, i) => (
                  <td key={jobs[i]?.name} class="figures">
                    {value}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="faint">Of each job the newest step up to this time.</p>
    </section>
  );
}
