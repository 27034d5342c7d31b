import { clearField, clone, toJson } from "@bufbuild/protobuf";
import { useComputed, useSignal } from "@preact/signals";
import { type Job, JobSchema } from "contract/sliceflow/v1/job_pb";
import { save } from "../export/save";
import type { JsonObject } from "@bufbuild/protobuf";

// What a user would write to have this job: the fields that CreateJob reads. JSON is YAML too, so that the command line takes it as it is.
// Its error is left out before, whose details are of types that only gRPC's messages know.
export function jobFile(job: Job): JsonObject {
  const asked = clone(JobSchema, job);
  clearField(asked, JobSchema.field.error);
  const { displayName, spec, labels, priority, device, limits } = toJson(JobSchema, asked) as JsonObject;
  const all = { displayName, labels, priority, device, limits, spec };
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, NonNullable<(typeof entry)[1]>] => entry[1] !== undefined),
  );
}

// The seed is written also where it is 0, which a message leaves out.
export function jobFileText(job: Job): string {
  const file = jobFile(job);
  const spec = file["spec"];
  const seeded = typeof spec === "object" && spec !== null && !Array.isArray(spec) ? { ...spec, seed: spec["seed"] ?? "0" } : {};
  return JSON.stringify({ ...file, spec: seeded }, null, 2);
}

export function JobFile({ job }: { readonly job: Job }) {
  const text = useComputed(() => jobFileText(job));
  const said = useSignal("");
  const copy = async () => {
    said.value = await navigator.clipboard.writeText(text.value).then(
      () => "copied",
      () => "this browser does not let the page copy: select the text instead",
    );
  };
  const download = () => save(`${job.name.replace("/", "-")}.json`, new Blob([`${text.value}\n`], { type: "application/json" }));
  return (
    <section class="panel" aria-labelledby="file-title">
      <div class="panel-head">
        <h2 id="file-title">Job file</h2>
        <div class="toolbar">
          <button type="button" class="small" onClick={() => void copy()}>
            Copy
          </button>
          <button type="button" class="small" onClick={download}>
            Save
          </button>
          <span role="status">{said.value}</span>
        </div>
      </div>
      <p class="faint">With all defaults filled in. “sliceflow submit” takes it as it is.</p>
      <pre class="scroll" tabIndex={0} role="region" aria-label="Text of the job file">
        {text.value}
      </pre>
    </section>
  );
}
