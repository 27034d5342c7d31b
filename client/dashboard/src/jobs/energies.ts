// Energies of the jobs in the table, for their sparklines. One short watch at a time reads what is new of a job and ends.
import { signal } from "@preact/signals";
import type { Job, JobEvent } from "contract/sliceflow/v1/job_pb";
import { readEvents } from "../server/watch";

interface History {
  readonly energies: readonly number[];
  readonly sequence: bigint;
}

const maxJobs = 200;
// A longer history keeps every second value, so that a job's first and last stay.
const maxValues = 512;
// Reading one job's events may not hold up those of the others for ever.
const readDeadlineMs = 15_000;

export class Energies {
  readonly histories = signal<ReadonlyMap<string, History>>(new Map());
  private readonly stop = new AbortController();
  private wanted: readonly Job[] = [];
  private reading = false;

  // What the table shows now, first things first.
  follow(jobs: readonly Job[]): void {
    this.wanted = jobs;
    if (!this.reading) void this.readAll();
  }

  close(): void {
    this.stop.abort();
  }

  private async readAll(): Promise<void> {
    this.reading = true;
    for (let job = this.next(); job !== undefined && !this.stop.signal.aborted; job = this.next()) await this.read(job);
    this.reading = false;
  }

  private next(): Job | undefined {
    return this.wanted.find((job) => (job.progress?.lastSequence ?? 0n) > (this.histories.value.get(job.name)?.sequence ?? 0n));
  }

  private async read(job: Job): Promise<void> {
    const target = job.progress?.lastSequence ?? 0n;
    const known = this.histories.value.get(job.name);
    const energies = [...(known?.energies ?? [])];
    const onEvent = (event: JobEvent) => {
      if (event.kind.case === "stepCompleted") energies.push(event.kind.value.report?.energy ?? Number.NaN);
    };
    const stop = AbortSignal.any([this.stop.signal, AbortSignal.timeout(readDeadlineMs)]);
    // A job that was removed meanwhile, or a quota of watches that is used up, costs a sparkline and nothing else.
    await readEvents(job.name, { after: known?.sequence ?? 0n, until: target, stop, onEvent }).catch(() => undefined);
    this.keep(job.name, { energies: thinned(energies), sequence: target });
  }

  private keep(name: string, history: History): void {
    const histories = new Map(this.histories.value);
    histories.delete(name);
    histories.set(name, history);
    for (const oldest of histories.keys()) {
      if (histories.size <= maxJobs) break;
      histories.delete(oldest);
    }
    this.histories.value = histories;
  }
}

function thinned(values: readonly number[]): readonly number[] {
  if (values.length <= maxValues) return values;
  return thinned(values.filter((_, i) => i % 2 === 0 || i === values.length - 1));
}
