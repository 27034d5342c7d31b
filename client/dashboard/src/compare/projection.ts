// The plane that all compared jobs are shown in.
import { useMemo, useRef } from "preact/hooks";
import { link } from "../link";
import { readAxis } from "../points/axis_choice";
import { type Basis, mainDirections, type Projection } from "../points/plane";
import type { Tensor } from "../server/tensor";
import type { ComparedJob } from "./compared_jobs";

export function dimensionOf(jobs: readonly ComparedJob[]): number {
  return Math.max(1, ...jobs.map((job) => job.job.value?.spec?.dimension ?? 1));
}

export function shownTensor(job: ComparedJob): Tensor | undefined {
  const step = job.shown.value?.report.step;
  return step === undefined ? undefined : job.store.peek(step);
}

// Whether jobs of this dimension have main directions in common.
export function canShareDirections(jobs: readonly ComparedJob[], dimension: number): boolean {
  return dimension > 2 && jobs.every((job) => (job.job.value?.spec?.dimension ?? dimension) === dimension);
}

export function useSharedProjection(jobs: readonly ComparedJob[], dimension: number): Projection {
  const { parameters } = link.value;
  const basis = useRef<Basis | undefined>(undefined);
  const x = readAxis(parameters.get("x"), 0, dimension);
  const y = readAxis(parameters.get("y"), 1, dimension);
  const main = parameters.get("view") === "main" && canShareDirections(jobs, dimension);
  // As on the page of one job they stay those of the time where they were asked for; then every job is waited for, so that all count.
  if (!main) basis.current = undefined;
  else if (basis.current === undefined && jobs.every((job) => job.settled)) {
    const tensors = jobs.flatMap((job) => shownTensor(job) ?? []);
    const steps = jobs.map((job) => job.shown.value?.report.step ?? "").join(",");
    if (tensors.length > 0) basis.current = mainDirections(tensors, `main ${steps}`);
  }
  const current = basis.current;
  return useMemo(() => (current === undefined ? { kind: "pair", x, y } : { kind: "main", basis: current }), [current, x, y]);
}
