// Which colour is which job.
import { isFinal } from "../server/watch";
import { StateBadge } from "../state_badge";
import { address, go, jobAddress, link } from "../link";
import { type ComparedJob, fewestJobs, writeNames } from "./compared_jobs";

// Titles that tell the jobs apart: those that are not alone carry the job's name too.
export function namesOf(jobs: readonly ComparedJob[]): string[] {
  const titles = jobs.map((job) => job.title);
  return titles.map((title, i) => (titles.filter((other) => other === title).length > 1 ? `${title} (${jobs[i]?.name ?? ""})` : title));
}

export function JobsLegend({ jobs, titles }: { readonly jobs: readonly ComparedJob[]; readonly titles: readonly string[] }) {
  const without = (job: ComparedJob) => {
    const others = jobs.filter((other) => other !== job).map((other) => other.name);
    go(address("compare", new Map(link.value.parameters).set("jobs", writeNames(others))));
  };
  return (
    <ul class="jobs-legend">
      {jobs.map((job, i) => (
        <li key={job.name} class={`s${i}`}>
          <svg width="34" height="12" aria-hidden="true">
            <circle cx="6" cy="6" r="5" />
            <line class="line" x1="14" x2="34" y1="6" y2="6" />
          </svg>
          <a href={jobAddress(job.name)}>{titles[i]}</a>
          {job.job.value !== undefined && <StateBadge state={job.job.value.state} />}
          {job.job.value !== undefined && !isFinal(job.job.value.state) && (
            <span class="faint figures">
              {job.job.value.progress?.completedSteps ?? 0}/{job.job.value.progress?.totalSteps ?? 0} steps
            </span>
          )}
          {jobs.length > fewestJobs && (
            <button type="button" class="small" aria-label={`Leave out ${titles[i]}`} onClick={() => without(job)}>
              ✕
            </button>
          )}
          {job.problem.value !== "" && <span class="problem">{job.problem.value}</span>}
        </li>
      ))}
    </ul>
  );
}
