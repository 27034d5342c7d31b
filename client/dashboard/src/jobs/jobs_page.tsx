import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Job } from "contract/sliceflow/v1/job_pb";
import { fewestJobs, mostJobs, readNames, writeNames } from "../compare/compared_jobs";
import { address, go, jobAddress, link, remember } from "../link";
import { figure, timeText } from "../words";
import { StateBadge } from "../state_badge";
import "./jobs.css";
import { JobActions } from "./job_actions";
import { JobList } from "./job_list";
import { Sparkline } from "./sparkline";

const presets = [
  { word: "all", filter: "" },
  { word: "running", filter: "state = RUNNING" },
  { word: "waiting", filter: "state = QUEUED" },
  { word: "paused", filter: "state = PAUSED" },
  { word: "failed", filter: "state = FAILED" },
  { word: "succeeded", filter: "state = SUCCEEDED" },
];

function Progress({ job }: { readonly job: Job }) {
  const done = job.progress?.completedSteps ?? 0;
  const total = job.progress?.totalSteps ?? 0;
  return (
    <span class="progress-cell">
      <progress value={done} max={Math.max(total, 1)} aria-label={`steps of ${job.displayName || job.name}`} />
      <span class="figures">
        {done}/{total}
      </span>
    </span>
  );
}

function pick(picked: readonly string[], name: string, on: boolean): void {
  const others = picked.filter((other) => other !== name);
  remember({ pick: writeNames(on ? [...others, name] : others) });
}

// Jobs that are ticked, on whatever page of the table, to be compared.
function CompareBar({ picked }: { readonly picked: readonly string[] }) {
  const enough = picked.length >= fewestJobs;
  const compare = () => go(address("compare", [["jobs", writeNames(picked)]]));
  return (
    <div class="buttons">
      <button type="button" disabled={!enough} onClick={compare}>
        {picked.length === 0 ? "Compare" : `Compare ${picked.length} jobs`}
      </button>
      <span class="faint" role="status">
        {enough ? "" : `Tick ${fewestJobs} to ${mostJobs} jobs to see them side by side. `}
        {picked.length > 0 ? `Ticked: ${picked.length} of at most ${mostJobs}.` : ""}
      </span>
      {picked.length > 0 && (
        <button type="button" class="small" onClick={() => remember({ pick: "" })}>
          Untick all
        </button>
      )}
    </div>
  );
}

interface RowProperties {
  readonly job: Job;
  readonly list: JobList;
  readonly withOwner: boolean;
  readonly picked: readonly string[];
}

function Row({ job, list, withOwner, picked }: RowProperties) {
  const energies = useComputed(() => list.energies.histories.value.get(job.name)?.energies ?? []);
  const energy = job.progress?.lastStep?.energy;
  return (
    <tr>
      <td class="pick">
        <input
          type="checkbox"
          aria-label={`Compare ${job.displayName || job.name}`}
          checked={picked.includes(job.name)}
          disabled={picked.length >= mostJobs && !picked.includes(job.name)}
          onChange={(event) => pick(picked, job.name, event.currentTarget.checked)}
        />
      </td>
      <th scope="row" class="title">
        <a href={jobAddress(job.name)}>{job.displayName === "" ? job.name : job.displayName}</a>
        <span class="faint">{job.displayName === "" ? "" : job.name}</span>
      </th>
      <td data-label="State">
        <StateBadge state={job.state} />
        {job.deleteTime !== undefined && <span class="faint"> deleted</span>}
      </td>
      <td data-label="Steps">
        <Progress job={job} />
      </td>
      <td data-label="Energy" class="figures">
        {energy === undefined ? "–" : figure(energy)}
      </td>
      <td data-label="Course of the energy">
        <Sparkline values={energies.value} />
      </td>
      {withOwner && <td data-label="Owner">{job.owner === "" ? "–" : job.owner}</td>}
      <td data-label="Created" class="figures">
        {timeText(job.createTime)}
      </td>
      <td data-label="Actions">
        <JobActions job={job} onChanged={() => void list.refresh()} />
      </td>
    </tr>
  );
}

function FilterForm({ list, filter }: { readonly list: JobList; readonly filter: string }) {
  const text = useSignal(filter);
  useEffect(() => {
    text.value = filter;
  }, [filter]);
  const apply = (value: string) => remember({ filter: value, page: "", before: "" });
  const submit = (event: Event) => {
    event.preventDefault();
    apply(text.value.trim());
  };
  const problem = list.filterProblem.value;
  return (
    <form class="filter" onSubmit={submit}>
      <label for="filter">Filter</label>
      <input
        id="filter"
        value={text.value}
        onInput={(event) => (text.value = event.currentTarget.value)}
        aria-invalid={problem !== ""}
        aria-describedby="filter-help filter-problem"
        placeholder='state = RUNNING AND labels.team = "flows"'
        spellcheck={false}
      />
      <button type="submit">Apply</button>
      <div class="chips">
        {presets.map((preset) => (
          <button type="button" class="chip" key={preset.word} aria-pressed={filter === preset.filter} onClick={() => apply(preset.filter)}>
            {preset.word}
          </button>
        ))}
        <label class="check">
          <input
            type="checkbox"
            checked={link.value.parameters.get("deleted") === "1"}
            onChange={(event) => remember({ deleted: event.currentTarget.checked ? "1" : "", page: "", before: "" })}
          />
          deleted too
        </label>
      </div>
      <p id="filter-help" class="faint">
        Restrictions joined by AND: state, display_name, labels.KEY, owner, device, priority, create_time.
      </p>
      <p id="filter-problem" class="problem" role="alert">
        {problem}
      </p>
    </form>
  );
}

// Tokens of the pages before this one are kept in the address too, so that one can go back.
function Pages({ list }: { readonly list: JobList }) {
  const { parameters } = link.value;
  const page = parameters.get("page") ?? "";
  const before = parameters.get("before") ?? "";
  const next = list.nextPage.value;
  if (page === "" && next === "") return null;
  const earlier = before === "" ? [] : before.split("~");
  return (
    <div class="buttons">
      <button
        type="button"
        disabled={page === ""}
        onClick={() => remember({ page: earlier.at(-1) ?? "", before: earlier.slice(0, -1).join("~") })}
      >
        Newer jobs
      </button>
      <button type="button" disabled={next === ""} onClick={() => remember({ page: next, before: [...earlier, page].join("~") })}>
        Older jobs
      </button>
    </div>
  );
}

export function JobsPage() {
  const { parameters } = link.value;
  const filter = parameters.get("filter") ?? "";
  const deleted = parameters.get("deleted") === "1";
  const page = parameters.get("page") ?? "";
  const list = useMemo(() => new JobList(filter, deleted, page), []);
  useEffect(() => () => list.close(), []);
  useEffect(() => list.show(filter, deleted, page), [filter, deleted, page]);

  const picked = readNames(parameters.get("pick"));
  const jobs = list.jobs.value;
  const withOwner = jobs?.some((job) => job.owner !== jobs[0]?.owner || job.owner !== "") ?? false;
  return (
    <>
      <h1>Jobs</h1>
      <FilterForm list={list} filter={filter} />
      <p class="problem" role="alert">
        {list.problem.value}
      </p>
      {jobs === undefined && list.problem.value === "" && <p>Asking the server …</p>}
      {jobs?.length === 0 && (
        <p>
          {filter === "" ? "No jobs yet. " : "No job fits the filter. "}
          <a href={address("new")}>Start one</a>
        </p>
      )}
      {jobs !== undefined && jobs.length > 0 && <CompareBar picked={picked} />}
      {jobs !== undefined && jobs.length > 0 && (
        <table class="jobs">
          <thead>
            <tr>
              <th scope="col">
                <span class="unseen">Compare</span>
              </th>
              <th scope="col">Title</th>
              <th scope="col">State</th>
              <th scope="col">Steps</th>
              <th scope="col">Energy</th>
              <th scope="col">Course of the energy</th>
              {withOwner && <th scope="col">Owner</th>}
              <th scope="col">Created</th>
              <th scope="col">Actions</th>
            </tr>
          </thead>
          <tbody>
            {jobs.map((job) => (
              <Row key={job.name} job={job} list={list} withOwner={withOwner} picked={picked} />
            ))}
          </tbody>
        </table>
      )}
      <Pages list={list} />
    </>
  );
}
