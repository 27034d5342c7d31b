// Several jobs as one page follows them. A browser keeps six connections to a server, so they are read one after the other by short calls
// rather than by a watch each.
import { batch, effect, type Signal, signal } from "@preact/signals";
import type { Job } from "contract/sliceflow/v1/job_pb";
import { type Step, stepOf } from "../job/flow";
import { SampleStore } from "../job/sample_store";
import { jobService } from "../server/clients";
import { describe } from "../server/errors";
import { poll } from "../server/polling";
import { isFinal, readEvents } from "../server/watch";

export const fewestJobs = 2;
export const mostJobs = 6;
const everyMs = 2000;
const readDeadlineMs = 60_000;
// For the samples of all of them.
const maxSampleBytes = 192 * 1024 * 1024;

export class ComparedJob {
  readonly job = signal<Job | undefined>(undefined);
  // In the order of their numbers.
  readonly steps = signal<readonly Step[]>([]);
  // Why the server does not show it, or no longer.
  readonly problem = signal("");
  // The step that is asked for, and the newest one asked for whose samples are there.
  readonly wanted: Signal<Step | undefined> = signal(undefined);
  readonly shown = signal<Step | undefined>(undefined);
  readonly store: SampleStore;
  private sequence = 0n;
  private readonly end: () => void;

  constructor(
    readonly name: string,
    sampleBytes: number,
  ) {
    this.store = new SampleStore(name, sampleBytes);
    this.end = effect(() => {
      void this.store.version.value;
      const wanted = this.wanted.value;
      if (wanted !== undefined && this.store.at(wanted.report.step) !== undefined) this.shown.value = wanted;
    });
  }

  get title(): string {
    const title = this.job.value?.displayName ?? "";
    return title === "" ? this.name : title;
  }

  // Whether samples of the step that is asked for are still to come.
  get waits(): boolean {
    void this.store.version.value;
    const step = this.wanted.value;
    if (step === undefined || step.sampleCount === 0 || this.store.problems.value.has(step.report.step)) return false;
    return this.store.peek(step.report.step) === undefined;
  }

  // Whether what there is of it at this time is here.
  get settled(): boolean {
    if (this.problem.value !== "") return true;
    const told = this.job.value !== undefined && (this.steps.value.length === 0 || this.wanted.value !== undefined);
    return told && !this.waits;
  }

  // Asks for the job, and reads what is new of it.
  async refresh(stop: AbortSignal): Promise<void> {
    const known = this.job.value;
    if (known !== undefined && isFinal(known.state) && (known.progress?.lastSequence ?? 0n) <= this.sequence) return;
    try {
      const job = await jobService.getJob({ name: this.name }, { signal: stop });
      await this.readSteps(job, stop);
      batch(() => {
        this.job.value = job;
        this.problem.value = "";
      });
    } catch (error) {
      if (!stop.aborted) this.problem.value = describe(error);
    }
  }

  close(): void {
    this.end();
    this.store.close();
  }

  private async readSteps(job: Job, stop: AbortSignal): Promise<void> {
    const until = job.progress?.lastSequence ?? 0n;
    if (until <= this.sequence) return;
    const steps: Step[] = [];
    try {
      await readEvents(this.name, {
        after: this.sequence,
        until,
        stop: AbortSignal.any([stop, AbortSignal.timeout(readDeadlineMs)]),
        onEvent: (event) => {
          this.sequence = event.sequence;
          const step = stepOf(event);
          if (step !== undefined) steps.push(step);
        },
      });
    } finally {
      // What was read before it broke off is not asked for again.
      if (steps.length > 0) this.steps.value = [...this.steps.value, ...steps];
    }
  }
}

export class ComparedJobs {
  readonly all: readonly ComparedJob[];
  private readonly stop = new AbortController();

  constructor(names: readonly string[]) {
    this.all = names.map((name) => new ComparedJob(name, Math.floor(maxSampleBytes / names.length)));
    void poll(() => this.refresh(), everyMs, this.stop.signal);
  }

  close(): void {
    this.stop.abort();
    for (const job of this.all) job.close();
  }

  private async refresh(): Promise<void> {
    for (const job of this.all) await job.refresh(this.stop.signal);
  }
}

// `ID,ID` as the address holds them: each once, and no more than can be told apart.
export function readNames(text: string | undefined): string[] {
  const ids = (text ?? "").split(",").filter((id) => /^[A-Za-z0-9_-]+$/.test(id));
  return [...new Set(ids)].slice(0, mostJobs).map((id) => `jobs/${id}`);
}

export function writeNames(names: readonly string[]): string {
  return names.map((name) => name.replace(/^jobs\//, "")).join(",");
}
