// Rows of the data sets that shown flows go to, each read once for as long as the page shows it.
import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Job } from "contract/sliceflow/v1/job_pb";
import { dataTargetsOf } from "../points/data_targets";
import { datasetService, noTimeout } from "../server/clients";
import { describe } from "../server/errors";
import { type Tensor, TensorAssembler } from "../server/tensor";
import { isOfLink } from "../server/token";

const mostRows = 2000;
const readDeadlineMs = 60_000;

export interface DataTarget {
  // `datasets/ID`; each owner has names of its own.
  readonly name: string;
  readonly owner: string;
}

export interface TargetRows {
  // Undefined while they are on their way, or cannot come.
  readonly of: (target: DataTarget) => Tensor | undefined;
  // Why some of them do not come, in a sentence; empty where all do.
  readonly problem: string;
  // Reads those again that did not come; undefined where there are none, or they are not to be read.
  readonly retry: (() => void) | undefined;
}

const keyOf = (target: DataTarget) => `${target.owner} ${target.name}`;

export function targetsOfJob(job: Job | undefined): readonly DataTarget[] {
  return job?.spec === undefined ? [] : dataTargetsOf(job.spec).map((name) => ({ name, owner: job.owner }));
}

async function read({ name, owner }: DataTarget, stop: AbortSignal): Promise<Tensor> {
  const until = AbortSignal.any([stop, AbortSignal.timeout(readDeadlineMs)]);
  const assembler = new TensorAssembler();
  for await (const chunk of datasetService.sampleDataset({ name, owner, count: mostRows }, { signal: until, timeoutMs: noTimeout })) {
    const tensor = assembler.add(chunk);
    if (tensor !== undefined) return tensor;
  }
  throw new Error("the answer ended before its last row");
}

export function useTargetRows(jobs: readonly (Job | undefined)[]): TargetRows {
  const rows = useSignal<ReadonlyMap<string, Tensor>>(new Map());
  const problems = useSignal<ReadonlyMap<string, string>>(new Map());
  const { asked, stop } = useMemo(() => ({ asked: new Set<string>(), stop: new AbortController() }), []);
  useEffect(() => () => stop.abort(), []);
  const targets = jobs.flatMap(targetsOfJob);
  const ask = (target: DataTarget) => {
    const key = keyOf(target);
    if (asked.has(key)) return;
    asked.add(key);
    read(target, stop.signal).then(
      (tensor) => (rows.value = new Map(rows.value).set(key, tensor)),
      (error: unknown) => {
        if (!stop.signal.aborted) problems.value = new Map(problems.value).set(key, `The target ${target.name}: ${describe(error)}.`);
      },
    );
  };
  useEffect(() => {
    if (!isOfLink.value) targets.forEach(ask);
  }, [targets.map(keyOf).join("\n"), isOfLink.value]);
  const failed = targets.filter((target) => problems.value.has(keyOf(target)));
  const retry = () => {
    problems.value = new Map();
    for (const target of failed) {
      asked.delete(keyOf(target));
      ask(target);
    }
  };
  const withheld = isOfLink.value && targets.length > 0;
  return {
    of: (target) => rows.value.get(keyOf(target)),
    retry: withheld || failed.length === 0 ? undefined : retry,
    problem: withheld
      ? "The target is a data set, which a link does not show: to see it over the points, open this job with a token."
      : [...new Set(failed.flatMap((target) => problems.value.get(keyOf(target)) ?? []))].join(" "),
  };
}
