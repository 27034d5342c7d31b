import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { LogEntry_Severity } from "contract/sliceflow/v1/job_pb";
import { JobActions } from "../jobs/job_actions";
import { address, arrivals, link, remember } from "../link";
import { describe, isGone } from "../server/errors";
import { isOfLink } from "../server/token";
import { StateBadge } from "../state_badge";
import { Curves } from "./curves";
import { Facts, JobError, ProgressLine } from "./facts";
import { Flow } from "./flow";
import { gapsOf } from "./gaps";
import { JobFile } from "./job_file";
import "./job.css";
import { playKeys, usePlayKeys } from "./play_buttons";
import { Player } from "./player";
import { PointsPanel } from "./points_panel";
import { SampleStore } from "./sample_store";
import { Share } from "./share";
import { WhyQueued } from "./why_queued";

const maxGaps = 8;

function ConnectionNotice({ flow }: { readonly flow: Flow }) {
  const now = useSignal(Date.now());
  const connection = flow.connection.value;
  useEffect(() => {
    if (connection.kind !== "lost") return undefined;
    const timer = setInterval(() => (now.value = Date.now()), 1000);
    return () => clearInterval(timer);
  }, [connection]);
  if (connection.kind !== "lost")
    return (
      <p role="status" class="unseen">
        {connection.kind === "live" ? "connected" : ""}
      </p>
    );
  const seconds = Math.max(0, Math.ceil((connection.until - now.value) / 1000));
  return (
    <p class="notice" role="status">
      The connection to the server is lost. Trying again{seconds > 0 ? ` in ${seconds} s` : " now"}; the page goes on where it was.
    </p>
  );
}

// Gaps lie before the first step that was told, and where the page was away while the server dropped events.
function RetentionNotice({ flow }: { readonly flow: Flow }) {
  const compacted = flow.earliestSequence.value > 1n;
  const steps = flow.steps.value;
  const gaps = useMemo(() => (compacted ? gapsOf(steps.map((step) => step.report.step)) : []), [compacted, steps]);
  if (gaps.length === 0) return null;
  const newest = gaps.slice(-maxGaps).map(({ from, to }) => `${from} to ${to}`);
  return (
    <p class="notice" role="status">
      The server no longer keeps all of this job's events: steps {gaps.length > maxGaps ? "…, " : ""}
      {newest.join(", ")} are gaps here.
    </p>
  );
}

function Log({ flow }: { readonly flow: Flow }) {
  const lines = flow.logs.value;
  if (lines.length === 0) return null;
  const word = (severity: LogEntry_Severity) =>
    severity === LogEntry_Severity.WARNING ? "warning: " : severity === LogEntry_Severity.ERROR ? "error: " : "note: ";
  return (
    <section class="panel" aria-labelledby="log-title">
      <h2 id="log-title">Messages</h2>
      <ul class="log">
        {lines.map(({ sequence, entry }) => (
          <li key={String(sequence)} class={entry.severity === LogEntry_Severity.INFO ? "" : "warning"}>
            {word(entry.severity)}
            {entry.message}
          </li>
        ))}
      </ul>
    </section>
  );
}

const keys: readonly (readonly [string, string])[] = [...playKeys, ["F", "fork at the shown step"]];

// The step in the address: none while live.
function useStepInAddress(player: Player): void {
  useEffect(() => {
    const asked = link.peek().parameters.get("step");
    if (asked !== undefined && /^\d+$/.test(asked)) player.begin(Number(asked));
  }, [arrivals.value]);
  const { value: live } = player.live;
  const { value: step } = player.step;
  useEffect(() => remember({ step: live ? "" : String(step) }), [live, step]);
}

export function JobPage({ name }: { readonly name: string }) {
  const { flow, store, player } = useMemo(() => {
    const made = new Flow(name);
    const samples = new SampleStore(name);
    const control = new Player(made, samples);
    return { flow: made, store: samples, player: control };
  }, [name]);
  useEffect(
    () => () => {
      player.close();
      store.close();
      flow.close();
    },
    [name],
  );
  const fork = () => {
    if (isOfLink.peek() || flow.stepAt(player.step.peek())?.checkpointKept !== true) return;
    location.hash = address("new", [
      ["fork", name],
      ["step", String(player.step.peek())],
    ]);
  };
  usePlayKeys(player, (key) => {
    if (key === "f") fork();
    return key === "f";
  });
  useStepInAddress(player);

  const job = flow.job.value;
  const refusal = flow.refusal.value;
  if (refusal !== undefined && (job === undefined || isGone(refusal))) {
    return (
      <div class="panel narrow">
        <h1>{isGone(refusal) ? "This job is not here" : "The server does not show this job"}</h1>
        <p>
          {isGone(refusal)
            ? `${name} does not exist: it was removed, belongs to another owner, or the link is of another server.`
            : describe(refusal)}
        </p>
        <p>
          <a href={address("jobs")}>To the jobs</a>
        </p>
      </div>
    );
  }
  if (job === undefined) {
    return (
      <>
        <h1>{name}</h1>
        <ConnectionNotice flow={flow} />
        <p>Asking the server …</p>
      </>
    );
  }
  const step = player.step.value;
  const kept = flow.stepAt(step)?.checkpointKept ?? false;
  return (
    <>
      <div class="job-head">
        <h1>{job.displayName === "" ? job.name : job.displayName}</h1>
        <StateBadge state={job.state} />
        {!isOfLink.value && (
          <>
            <JobActions job={job} onChanged={(changed) => flow.setJob(changed)} />
            <a class="button" href={address("new", [["from", name]])}>
              Run again
            </a>
            <button
              type="button"
              onClick={fork}
              disabled={!kept}
              aria-keyshortcuts="F"
              title={kept ? "" : "No checkpoint of this step is kept"}
            >
              Fork at step {step}
            </button>
            <Share name={name} />
          </>
        )}
      </div>
      <ProgressLine job={job} flow={flow} />
      <WhyQueued job={job} />
      <ConnectionNotice flow={flow} />
      <RetentionNotice flow={flow} />
      {refusal !== undefined && (
        <p class="notice bad" role="alert">
          {describe(refusal)}
        </p>
      )}
      <JobError job={job} />
      <div class="job-body">
        <PointsPanel flow={flow} store={store} player={player} />
        <Facts flow={flow} job={job} step={step} />
      </div>
      <Curves flow={flow} job={job} now={step} />
      <Log flow={flow} />
      <JobFile job={job} />
      <details class="keys">
        <summary>Keys</summary>
        <dl class="facts">
          {keys.map(([key, meaning]) => (
            <div key={key}>
              <dt>{key}</dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      </details>
    </>
  );
}
