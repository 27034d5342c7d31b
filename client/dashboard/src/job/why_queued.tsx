// Why a job waits that no worker can take as things are.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type Job, Job_State } from "contract/sliceflow/v1/job_pb";
import type { Device } from "contract/sliceflow/v1/server_service_pb";
import { serverService } from "../server/clients";
import { poll } from "../server/polling";
import { bytesText } from "../words";
import { type Obstacle, obstacleOf } from "./obstacle";

const everyMs = 3000;

function inWords({ device, problems, mostBytes }: Obstacle, job: Job): string {
  const told = problems.map((problem) => ` (${problem})`).join("");
  if (mostBytes === undefined) return `no worker for “${device}” is attached: it waits for one${told}`;
  const needed = bytesText(job.memory?.estimatedBytes ?? 0n);
  return `it is thought to take ${needed} of memory, and no worker for “${device}” has more than ${bytesText(mostBytes)}: it waits for one${told}`;
}

function Waiting({ job }: { readonly job: Job }) {
  const devices = useSignal<readonly Device[] | undefined>(undefined);
  useEffect(() => {
    const stop = new AbortController();
    const ask = async () => {
      try {
        devices.value = (await serverService.getServerInfo({}, { signal: stop.signal })).devices;
      } catch {
        // That no server answers is told elsewhere; what was known of workers is known no longer.
        if (!stop.signal.aborted) devices.value = undefined;
      }
    };
    void poll(ask, everyMs, stop.signal);
    return () => stop.abort();
  }, []);
  const obstacle = devices.value === undefined ? undefined : obstacleOf(job, devices.value);
  return (
    <p class={obstacle === undefined ? "unseen" : "notice"} role="status">
      {obstacle === undefined ? "" : `The job is queued; ${inWords(obstacle, job)}.`}
    </p>
  );
}

export function WhyQueued({ job }: { readonly job: Job }) {
  return job.state === Job_State.QUEUED ? <Waiting job={job} /> : null;
}
