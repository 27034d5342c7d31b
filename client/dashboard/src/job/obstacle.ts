// Why no worker can take a queued job as things are. Tests run this file in Node as it is.
import type { Job } from "contract/sliceflow/v1/job_pb";
import type { Device } from "contract/sliceflow/v1/server_service_pb";

export interface Obstacle {
  // The device that the job asks for, or `any`.
  readonly device: string;
  // What is wrong with devices that it could be computed on.
  readonly problems: readonly string[];
  // The memory of the largest of those that are there. Unit: bytes. Undefined where none is there.
  readonly mostBytes: bigint | undefined;
}

// Undefined where a worker is there that the job fits, so that it waits for its turn alone.
export function obstacleOf(job: Pick<Job, "device" | "memory">, devices: readonly Device[]): Obstacle | undefined {
  const device = job.device === "" ? "any" : job.device;
  const asked = devices.filter((each) => device === "any" || each.name === device);
  const ready = asked.filter((each) => each.ready && each.healthy);
  const needed = job.memory?.estimatedBytes ?? 0n;
  // 0 where a worker's memory is not known.
  if (ready.some((each) => each.memoryBytes === 0n || each.memoryBytes >= needed)) return undefined;
  const problems = asked.flatMap((each) => (each.healthy || each.problem === "" ? [] : [`${each.name}: ${each.problem}`]));
  const mostBytes = ready
    .map((each) => each.memoryBytes)
    .reduce<bigint | undefined>((most, each) => (most !== undefined && most > each ? most : each), undefined);
  return { device, problems, mostBytes };
}
