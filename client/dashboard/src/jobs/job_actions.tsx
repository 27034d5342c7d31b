// Stop, pause, resume, delete, undelete: for a row of the table and for a job's own page.
import { useSignal } from "@preact/signals";
import { type Job, Job_State } from "contract/sliceflow/v1/job_pb";
import { Confirm } from "../confirm";
import { jobService } from "../server/clients";
import { describe } from "../server/errors";
import { isFinal } from "../server/watch";

interface Properties {
  readonly job: Job;
  // The job as the server answered it.
  readonly onChanged: (job: Job) => void;
}

type Question = "stop" | "delete" | undefined;

export function JobActions({ job, onChanged }: Properties) {
  const question = useSignal<Question>(undefined);
  const busy = useSignal(false);
  const problem = useSignal("");
  const { name } = job;
  const title = job.displayName === "" ? name : `“${job.displayName}”`;

  const command = async (call: () => Promise<Job>) => {
    busy.value = true;
    problem.value = "";
    try {
      onChanged(await call());
    } catch (error) {
      problem.value = describe(error);
    }
    busy.value = false;
  };
  const answer = (confirmed: boolean) => {
    const asked = question.value;
    question.value = undefined;
    if (!confirmed) return;
    void command(() => (asked === "stop" ? jobService.cancelJob({ name }) : jobService.deleteJob({ name })));
  };
  const button = (word: string, onClick: () => void, kind = "") => (
    <button type="button" class={`small ${kind}`} disabled={busy.value} onClick={onClick} aria-label={`${word} ${title}`}>
      {word}
    </button>
  );

  const final = isFinal(job.state);
  const deleted = job.deleteTime !== undefined;
  return (
    <div class="actions">
      {!final && job.state !== Job_State.PAUSED && button("Pause", () => void command(() => jobService.pauseJob({ name })))}
      {job.state === Job_State.PAUSED && button("Resume", () => void command(() => jobService.resumeJob({ name })))}
      {!final && button("Stop", () => (question.value = "stop"))}
      {final && !deleted && button("Delete", () => (question.value = "delete"))}
      {deleted && button("Undelete", () => void command(() => jobService.undeleteJob({ name })))}
      <span class="problem" role="alert">
        {problem.value}
      </span>
      {question.value === "stop" && (
        <Confirm
          question={`Stop ${title}?`}
          detail="It ends for good; the steps before it are kept and can be forked. To go on later, pause it instead."
          action="Stop it"
          onAnswer={answer}
        />
      )}
      {question.value === "delete" && (
        <Confirm
          question={`Delete ${title}?`}
          detail="It leaves the lists now and can be taken back until the server removes it with its samples and checkpoints."
          action="Delete it"
          onAnswer={answer}
        />
      )}
    </div>
  );
}
