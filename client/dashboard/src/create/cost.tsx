// What a job will take, beside what there is: time as jobs like it took, memory and stored samples as the server counts them.
import { toJsonString } from "@bufbuild/protobuf";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Job } from "contract/sliceflow/v1/job_pb";
import { ModelSchema } from "contract/sliceflow/v1/model_pb";
import type { ServerInfo } from "contract/sliceflow/v1/server_service_pb";
import { SolverSchema } from "contract/sliceflow/v1/solver_pb";
import { termKind } from "../kinds";
import { jobService, serverService } from "../server/clients";
import { bytesText, durationText } from "../words";

const lookedAt = 100;

// What the seconds of a step depend on most. Jobs of one likeness are comparable; nothing is guessed from others.
function likenessOf({ spec }: Job): string {
  if (spec === undefined) return "";
  const solver = spec.solver === undefined ? "" : toJsonString(SolverSchema, spec.solver);
  const model = spec.model === undefined ? "" : toJsonString(ModelSchema, spec.model);
  const terms = (spec.functional?.terms ?? []).map(termKind).join();
  return [spec.dimension, solver, model, terms, spec.schedule?.stepHalving === true].join("|");
}

function secondsAStep({ progress }: Job): number {
  return (progress?.runSeconds ?? 0) / Math.max(1, progress?.completedSteps ?? 0);
}

// The middle of what the jobs like it took for a step, and how many there are.
export function likeIt(job: Job, finished: readonly Job[]): { readonly secondsAStep: number; readonly jobs: number } | undefined {
  const like = finished.filter((other) => (other.progress?.runSeconds ?? 0) > 0 && likenessOf(other) === likenessOf(job));
  const sorted = like.map(secondsAStep).sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  return middle === undefined ? undefined : { secondsAStep: middle, jobs: sorted.length };
}

function timeText(job: Job, finished: readonly Job[]): string {
  const steps = job.progress?.totalSteps ?? 0;
  const found = likeIt(job, finished);
  if (found === undefined)
    return "a time that is not known, since no finished job has the same solver, model, dimension and kinds of terms";
  const whose = found.jobs === 1 ? "a finished job" : `${found.jobs} finished jobs`;
  return `about ${durationText(found.secondsAStep * steps)}, as ${whose} with the same solver, model, dimension and kinds of terms took`;
}

function memoryText(job: Job, info: ServerInfo | undefined): string {
  const memory = job.memory?.estimatedBytes ?? 0n;
  if (memory === 0n) return "";
  const most = info?.devices.reduce((best, device) => (device.memoryBytes > best ? device.memoryBytes : best), 0n) ?? 0n;
  return `about ${bytesText(memory)} of memory${most > 0n ? ` of ${bytesText(most)}` : ""}`;
}

function storedText(job: Job, info: ServerInfo | undefined): string {
  const rows = job.spec?.output?.samplesPerStep ?? 0;
  const bytes = BigInt(rows) * BigInt((job.progress?.totalSteps ?? 0) + 1) * BigInt(job.spec?.dimension ?? 0) * 4n;
  if (bytes === 0n) return "no stored samples";
  const most = info?.caller?.quota?.maxStoredBytes ?? 0n;
  const left = most - (info?.caller?.usage?.storedBytes ?? 0n);
  const beside = most > 0n ? ` (${bytesText(left > 0n ? left : 0n)} of your ${bytesText(most)} are left)` : "";
  return `${bytesText(bytes)} of stored samples${beside}, beside checkpoints`;
}

export function Cost({ job }: { readonly job: Job }) {
  const finished = useSignal<readonly Job[] | undefined>(undefined);
  const info = useSignal<ServerInfo | undefined>(undefined);
  useEffect(() => {
    const stop = new AbortController();
    const ask = async () => {
      const options = { signal: stop.signal };
      // A cost that cannot be told costs nothing but a line.
      const answer = await jobService.listJobs({ filter: "state = SUCCEEDED", pageSize: lookedAt }, options).catch(() => undefined);
      if (stop.signal.aborted) return;
      finished.value = answer?.jobs ?? [];
      info.value = await serverService.getServerInfo({}, options).catch(() => undefined);
    };
    void ask();
    return () => stop.abort();
  }, []);
  const parts = [
    finished.value === undefined ? "" : timeText(job, finished.value),
    memoryText(job, info.value),
    storedText(job, info.value),
  ].filter((part) => part !== "");
  return <p class="faint">Takes {parts.join("; ")}.</p>;
}
