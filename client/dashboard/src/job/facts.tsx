import { Fragment, type JSX } from "preact";
import type { FlowSpec } from "contract/sliceflow/v1/flow_pb";
import type { Job } from "contract/sliceflow/v1/job_pb";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { jobAddress } from "../link";
import { isFinal } from "../server/watch";
import { bytesText, clock, figure, inequalityText, metricText, notConverged, timeText, withError } from "../words";
import { codeName } from "../server/errors";
import type { Flow, Step } from "./flow";
import { distanceName, movedOf } from "./moved";

function fraction(job: Job, flow: Flow): number {
  const total = job.progress?.totalSteps ?? 0;
  if (total <= 0) return 0;
  const inner = flow.inner.value;
  const share = inner !== undefined && inner.totalIterations > 0 ? Math.min(1, inner.iteration / inner.totalIterations) : 0;
  return Math.min(1, ((job.progress?.completedSteps ?? 0) + share) / total);
}

function remaining(job: Job, flow: Flow): number | undefined {
  const timed = flow.steps.value.filter((step) => step.report.step > 0);
  if (timed.length === 0 || isFinal(job.state)) return undefined;
  const mean = timed.reduce((sum, step) => sum + step.report.seconds, 0) / timed.length;
  return mean * (1 - fraction(job, flow)) * (job.progress?.totalSteps ?? 0);
}

export function ProgressLine({ job, flow }: { readonly job: Job; readonly flow: Flow }) {
  const inner = flow.inner.value;
  const left = remaining(job, flow);
  return (
    <p class="progress-line">
      <progress value={fraction(job, flow)} max={1} aria-label="How far the job has come" />
      <span class="figures">
        {job.progress?.completedSteps ?? 0}/{job.progress?.totalSteps ?? 0} steps
        {inner !== undefined && !isFinal(job.state) ? `, step ${inner.step}: ${inner.iteration}/${inner.totalIterations}` : ""}
        {left !== undefined && left > 0 ? `, about ${clock(left)} left` : ""}
      </span>
    </p>
  );
}

type Fact = readonly [string, JSX.Element | string];

// A name of several words joined by underscores, which a narrow column breaks behind one of them.
function Name({ text }: { readonly text: string }) {
  return (
    <>
      {text.split("_").map((word, i) => (
        <Fragment key={i}>
          {i > 0 && (
            <>
              _<wbr />
            </>
          )}
          {word}
        </Fragment>
      ))}
    </>
  );
}

function stepFacts({ report }: Step, spec: FlowSpec | undefined): Fact[] {
  const facts: Fact[] = [
    ["time", `${figure(report.wassersteinTime)} (Wasserstein clock), ${figure(report.slicedTime)} (sliced clock)`],
    ["energy", withError(report.energy, report.energyStandardError)],
  ];
  if (report.step > 0) {
    const { distance, standardError } = movedOf(report);
    facts.push(["moved", `${withError(distance, standardError)} (${distanceName(spec)})`]);
  }
  if (report.energyInequality !== undefined) {
    const { holds } = report.energyInequality;
    facts.push(["inequality", <span class={holds ? "" : "warning"}>{inequalityText(report.energyInequality)}</span>]);
  }
  facts.push(["converged", report.converged ? "yes" : <span class="warning">no: {notConverged}</span>]);
  if (report.innerIterations > 0) facts.push(["iterations", `${report.innerIterations}, gradient norm ${figure(report.gradientNorm)}`]);
  for (const metric of report.metrics) facts.push([metric.name, metricText(metric).slice(metric.name.length + 1)]);
  if (report.step > 0) facts.push(["seconds", figure(report.seconds)]);
  return facts;
}

function length(from: Timestamp | undefined, to: Timestamp | undefined): string {
  return from === undefined || to === undefined ? "" : ` (${clock((timestampMs(to) - timestampMs(from)) / 1000)})`;
}

function jobFacts(job: Job): Fact[] {
  const facts: Fact[] = [["name", job.name]];
  if (job.owner !== "") facts.push(["owner", job.owner]);
  const { forkOrigin } = job;
  if (forkOrigin !== undefined) {
    facts.push([
      "forked",
      <>
        from step {forkOrigin.step} of <a href={jobAddress(forkOrigin.job)}>{forkOrigin.job}</a>
      </>,
    ]);
  }
  facts.push(["dimension", String(job.spec?.dimension ?? 0)]);
  facts.push(["created", timeText(job.createTime)]);
  if (job.startTime !== undefined) facts.push(["started", timeText(job.startTime)]);
  if (job.endTime !== undefined) facts.push(["ended", timeText(job.endTime) + length(job.startTime, job.endTime)]);
  if (job.retryTime !== undefined) facts.push(["tried again", timeText(job.retryTime)]);
  if (job.deleteTime !== undefined) facts.push(["deleted", `${timeText(job.deleteTime)}, to be removed ${timeText(job.purgeTime)}`]);
  if (job.storedBytes > 0n) facts.push(["stored", bytesText(job.storedBytes)]);
  const { memory } = job;
  if (memory !== undefined) {
    const seen = memory.peakBytes > 0n ? `${bytesText(memory.peakBytes)} at most, ` : "";
    facts.push(["memory", `${seen}${bytesText(memory.estimatedBytes)} thought beforehand`]);
  }
  for (const [key, value] of Object.entries(job.labels)) facts.push(["label", `${key} = ${value}`]);
  return facts;
}

function FactList({ facts }: { readonly facts: readonly Fact[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value], i) => (
        <div key={`${name}${i}`}>
          <dt>
            <Name text={name} />
          </dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function JobError({ job }: { readonly job: Job }) {
  if (job.error === undefined) return null;
  return (
    <p class="notice bad" role="alert">
      The job failed: {job.error.message} ({codeName(job.error.code)}). The steps before it are kept.
    </p>
  );
}

export function Facts({ flow, job, step }: { readonly flow: Flow; readonly job: Job; readonly step: number }) {
  const here = flow.stepAt(step);
  const violated = flow.steps.value.filter((each) => each.report.energyInequality?.holds === false).map((each) => each.report.step);
  const unsettled = flow.steps.value.filter((each) => !each.report.converged).map((each) => each.report.step);
  return (
    <section class="panel" aria-labelledby="facts-title">
      <h2 id="facts-title">Step {step}</h2>
      {here === undefined ? <p class="faint">Nothing is known of it.</p> : <FactList facts={stepFacts(here, job.spec)} />}
      <h3>Energy inequality</h3>
      <p>{inequalitySummary(flow, violated)}</p>
      {unsettled.length > 0 && <p class="warning">Did not converge: {stepsText(unsettled)}</p>}
      <h3>Job</h3>
      <FactList facts={jobFacts(job)} />
    </section>
  );
}

function inequalitySummary(flow: Flow, violated: readonly number[]) {
  const checked = flow.steps.value.filter((step) => step.report.energyInequality !== undefined).length;
  if (checked === 0) return "Not checked: no step has minimised anything yet.";
  if (violated.length === 0) return `Holds at all ${checked} steps that were checked.`;
  return (
    <span class="warning">
      VIOLATED at {stepsText(violated)}, of {checked} that were checked.
    </span>
  );
}

const maxNamed = 12;

function stepsText(steps: readonly number[]): string {
  const named = steps.slice(0, maxNamed).join(", ");
  return `${steps.length === 1 ? "step" : "steps"} ${named}${steps.length > maxNamed ? ` and ${steps.length - maxNamed} more` : ""}`;
}
