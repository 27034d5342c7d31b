import type { JsonObject } from "@bufbuild/protobuf";
import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Job } from "contract/sliceflow/v1/job_pb";
import { Schedule_Clock } from "contract/sliceflow/v1/flow_pb";
import { jobFile } from "../job/job_file";
import { address, go, jobAddress, link } from "../link";
import { jobService } from "../server/clients";
import { describe } from "../server/errors";
import { loadServerInfo, serverInfo } from "../server/server_info";
import { figure } from "../words";
import { Cost } from "./cost";
import "./create.css";
import { Draft, type ForkPoint } from "./draft";
import { JobForm } from "./job_form";
import { objectAt, withValue } from "./json_path";
import { useText } from "./field";

interface Example {
  readonly name: string;
  readonly description: string;
  readonly job: JsonObject;
}

const firstExample = "quickstart";

// What `sliceflow validate` says of a good job.
function validText(job: Job): string {
  const schedule = job.spec?.schedule;
  const dimension = Math.max(job.spec?.dimension ?? 1, 1);
  const sliced = schedule?.clock === Schedule_Clock.SLICED;
  const step = (schedule?.stepSize ?? 0) / (sliced ? 1 : dimension);
  const steps = job.progress?.totalSteps || (schedule?.length.case === "numSteps" ? schedule.length.value : 0);
  const both = (time: number) => `${figure(time * dimension)} (sliced ${figure(time)})`;
  const until = steps > 0 ? `${steps} ${steps === 1 ? "step" : "steps"} to time ${both(step * steps)}` : "to its end time";
  return `valid: dimension ${dimension}, ${until}, step size ${both(step)}`;
}

function Verdict({ draft }: { readonly draft: Draft }) {
  const job = draft.checked.value;
  const named = draft.violations.value;
  return (
    <div role="status" class="verdict" tabIndex={0}>
      {job !== undefined && (
        <>
          <p class="good">{validText(job)}.</p>
          <Cost job={job} />
        </>
      )}
      {draft.problem.value !== "" && <p class="problem">{draft.problem.value}</p>}
      {named.length > 0 && (
        <>
          <p class="problem">{named.length === 1 ? "One thing is" : `${named.length} things are`} to be mended:</p>
          <ul class="problem">
            {named.map((violation, i) => (
              <li key={`${violation.field}${i}`}>
                {violation.field}: {violation.description}
              </li>
            ))}
          </ul>
        </>
      )}
      {job === undefined && draft.problem.value === "" && named.length === 0 && <p class="faint">checking …</p>}
    </div>
  );
}

function FileEditor({ draft }: { readonly draft: Draft }) {
  const { text, problem, onInput } = useText(draft, "", "json", []);
  return (
    <details class="panel">
      <summary>The job as a file</summary>
      <label for="file-text">Job file in JSON; the form follows it and it follows the form</label>
      <textarea
        id="file-text"
        class="formula"
        rows={20}
        value={text.value}
        onInput={onInput}
        spellcheck={false}
        aria-describedby="file-problem"
      />
      <p id="file-problem" class="problem" role="alert">
        {problem.value}
      </p>
    </details>
  );
}

function readFork(): ForkPoint | undefined {
  const { parameters } = link.peek();
  const job = parameters.get("fork");
  const step = Number(parameters.get("step") ?? Number.NaN);
  return job === undefined || !Number.isInteger(step) ? undefined : { job, step };
}

// The file that the address asks to begin with: a job's, or an example's.
async function firstFile(draft: Draft, examples: readonly Example[]): Promise<JsonObject> {
  const { parameters } = link.peek();
  const from = draft.fork?.job ?? parameters.get("from");
  if (from !== undefined) {
    const job = await jobService.getJob({ name: from });
    return jobFile(job);
  }
  const example = examples.find((each) => each.name === (parameters.get("example") ?? firstExample));
  return example?.job ?? {};
}

function Presets({ examples }: { readonly examples: readonly Example[] }) {
  const chosen = link.value.parameters.get("example") ?? firstExample;
  const example = examples.find((each) => each.name === chosen);
  return (
    <div class="panel">
      <label for="preset">Begin with an example</label>
      <select id="preset" value={chosen} onChange={(event) => go(address("new", [["example", event.currentTarget.value]]))}>
        {examples.map((each) => (
          <option key={each.name} value={each.name}>
            {String(each.job["displayName"] ?? each.name)}
          </option>
        ))}
      </select>
      <p class="faint">{example?.description}</p>
    </div>
  );
}

export function CreatePage() {
  const draft = useMemo(() => new Draft(readFork()), []);
  const examples = useSignal<readonly Example[]>([]);
  const problem = useSignal("");
  const ready = useSignal(false);
  const from = link.value.parameters.get("from");

  useEffect(() => {
    const begin = async () => {
      try {
        const module = await import("virtual:examples");
        examples.value = module.examples;
        await loadServerInfo();
        const file = await firstFile(draft, module.examples);
        draft.begin(withValue(file, "spec", objectAt(file, "spec")));
        ready.value = true;
      } catch (error) {
        problem.value = describe(error);
      }
    };
    void begin();
    return () => draft.close();
  }, []);

  const submit = async (event: Event) => {
    event.preventDefault();
    const name = await draft.send();
    if (name !== "") go(jobAddress(name));
    else document.querySelector<HTMLElement>('.field.wrong [aria-invalid="true"]')?.focus();
  };
  const info = serverInfo.value;
  const { fork } = draft;
  return (
    <>
      <h1>{fork === undefined ? (from === undefined ? "New job" : `Run ${from} again`) : `Fork ${fork.job} at step ${fork.step}`}</h1>
      {fork !== undefined && (
        <p>
          It shares the steps up to {fork.step} with <a href={jobAddress(fork.job)}>{fork.job}</a>; initial distribution and model are the
          parent's. What is changed here holds from the next step on. The number of steps counts from the parent's step 0.
        </p>
      )}
      <p class="problem" role="alert">
        {problem.value}
      </p>
      {fork === undefined && from === undefined && <Presets examples={examples.value} />}
      {ready.value && info !== undefined && (
        <form class="create" onSubmit={(event) => void submit(event)} noValidate>
          <JobForm draft={draft} info={info} />
          <FileEditor draft={draft} />
          <div class="submit">
            <Verdict draft={draft} />
            <button type="submit" class="main" disabled={draft.sending.value}>
              {fork === undefined ? "Start the job" : "Start the fork"}
            </button>
          </div>
        </form>
      )}
      {!ready.value && problem.value === "" && <p>Asking the server what it serves …</p>}
    </>
  );
}
