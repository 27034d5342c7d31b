// A job as its page follows it: what the server told of it, up to now.
import { batch, signal } from "@preact/signals";
import { create } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import {
  type InnerProgress,
  type Job,
  JobProgressSchema,
  type JobEvent,
  type LogEntry,
  type StepReport,
} from "contract/sliceflow/v1/job_pb";
import { jobService } from "../server/clients";
import { isLost } from "../server/errors";
import { poll } from "../server/polling";
import { isFinal, Watcher, type WatchUpdate } from "../server/watch";

export interface Step {
  readonly report: StepReport;
  // Of the event that told it, for reading its samples.
  readonly sequence: bigint;
  // Rows of samples that are stored with it.
  readonly sampleCount: number;
  readonly checkpointKept: boolean;
}

// The step that an event tells of; undefined where it tells of something else.
export function stepOf({ sequence, kind }: JobEvent): Step | undefined {
  if (kind.case !== "stepCompleted" || kind.value.report === undefined) return undefined;
  const { report, sampleCount, checkpointKept } = kind.value;
  return { report, sequence, sampleCount, checkpointKept };
}

export interface LogLine {
  readonly sequence: bigint;
  readonly entry: LogEntry;
}

// A point of the inner minimisation's course: `at` in steps, with the share of the step that was done.
export interface InnerPoint {
  readonly at: number;
  readonly loss: number;
}

export type Connection =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  | { readonly kind: "lost"; readonly until: number }
  | { readonly kind: "ended" };

const maxLogLines = 500;
const maxInnerPoints = 4000;
// Events come in bursts; the page shows them together, and less often where there are many, since curves are drawn over all of them.
const publishMs = 30;
const stepsAMs = 40;
const lookEveryMs = 5000;

export class Flow {
  readonly job = signal<Job | undefined>(undefined);
  // In the order of their numbers.
  readonly steps = signal<readonly Step[]>([]);
  readonly logs = signal<readonly LogLine[]>([]);
  readonly inner = signal<InnerProgress | undefined>(undefined);
  readonly innerPoints = signal<readonly InnerPoint[]>([]);
  // The first sequence that retention has kept; 0 where nothing is known to be dropped.
  readonly earliestSequence = signal(0n);
  readonly connection = signal<Connection>({ kind: "connecting" });
  // Why the server does not show this job.
  readonly refusal = signal<ConnectError | undefined>(undefined);

  private readonly stop = new AbortController();
  private readonly watcher: Watcher;
  private fresh: Step[] = [];
  private freshInner: InnerPoint[] = [];
  private publishing: ReturnType<typeof setTimeout> | undefined;
  // The watch's position when the job was last looked at.
  private sequenceAtLook = -1n;

  constructor(readonly name: string) {
    this.watcher = new Watcher(name, {
      afterSequence: 0n,
      sampleLimit: 0,
      includeInnerProgress: true,
      stop: this.stop.signal,
      onUpdate: (update) => this.take(update),
      onLive: () => this.setConnection({ kind: "live" }),
      onLost: (_, pauseMs) => this.setConnection({ kind: "lost", until: Date.now() + pauseMs }),
    });
    void this.follow();
    void poll(() => this.look(), lookEveryMs, this.stop.signal);
  }

  close(): void {
    this.stop.abort();
    clearTimeout(this.publishing);
  }

  // The job as another answer of the server told it.
  setJob(job: Job): void {
    if ((job.progress?.lastSequence ?? 0n) >= (this.job.value?.progress?.lastSequence ?? 0n)) this.job.value = job;
  }

  stepAt(number: number): Step | undefined {
    return this.steps.value.find((step) => step.report.step === number);
  }

  private async follow(): Promise<void> {
    try {
      await this.watcher.run();
      if (!this.stop.signal.aborted) this.setConnection({ kind: "ended" });
    } catch (error) {
      this.refusal.value = ConnectError.from(error);
    }
    if (!this.stop.signal.aborted) void this.look();
  }

  // Looks at the whole job, which events tell in parts. A watch that brings nothing while the job goes on has lost its server without
  // being told, so it is begun again.
  private async look(): Promise<void> {
    if (this.connection.value.kind === "ended" && this.job.value !== undefined && isFinal(this.job.value.state)) return;
    try {
      const job = await jobService.getJob({ name: this.name }, { signal: this.stop.signal });
      this.setJob(job);
      const stalled = this.watcher.sequence === this.sequenceAtLook && (job.progress?.lastSequence ?? 0n) > this.watcher.sequence;
      if (stalled && this.connection.value.kind === "live") this.watcher.reconnect();
      this.sequenceAtLook = this.watcher.sequence;
    } catch (reason) {
      const error = ConnectError.from(reason);
      if (!isLost(error)) this.refusal.value = error;
    }
  }

  private setConnection(connection: Connection): void {
    if (this.connection.value.kind !== connection.kind || connection.kind === "lost") this.connection.value = connection;
  }

  private take(update: WatchUpdate): void {
    if (update.kind === "compacted") this.earliestSequence.value = update.earliestSequence;
    if (update.kind === "snapshot") this.setJob(update.job);
    if (update.kind === "event") this.takeEvent(update.event);
  }

  private takeEvent(event: JobEvent): void {
    const { kind } = event;
    switch (kind.case) {
      case "stepCompleted":
        this.takeStep(stepOf(event));
        break;
      case "innerProgress":
        this.takeInner(kind.value);
        break;
      case "stateChanged": {
        const job = this.job.value;
        if (job !== undefined && event.sequence > (job.progress?.lastSequence ?? 0n)) this.job.value = { ...job, state: kind.value.state };
        void this.look();
        break;
      }
      case "log":
        this.logs.value = [...this.logs.value, { sequence: event.sequence, entry: kind.value }].slice(-maxLogLines);
        break;
      // Of a kind that this page does not know yet.
      case undefined:
        break;
    }
  }

  private takeStep(step: Step | undefined): void {
    if (step === undefined) return;
    this.fresh.push(step);
    this.publishSoon();
  }

  private takeInner(inner: InnerProgress): void {
    this.inner.value = inner;
    const share = inner.totalIterations > 0 ? Math.min(1, inner.iteration / inner.totalIterations) : 0;
    this.freshInner.push({ at: inner.step - 1 + share, loss: inner.loss });
    this.publishSoon();
  }

  private publishSoon(): void {
    this.publishing ??= setTimeout(() => this.publish(), publishMs + this.steps.peek().length / stepsAMs);
  }

  private publish(): void {
    this.publishing = undefined;
    const { fresh, freshInner } = this;
    this.fresh = [];
    this.freshInner = [];
    batch(() => {
      if (freshInner.length > 0) this.innerPoints.value = [...this.innerPoints.value, ...freshInner].slice(-maxInnerPoints);
      if (fresh.length === 0) return;
      this.steps.value = [...this.steps.value, ...fresh];
      this.showProgress(fresh[fresh.length - 1]);
    });
  }

  private showProgress(newest: Step | undefined): void {
    const job = this.job.value;
    if (newest === undefined) return;
    if (this.inner.value !== undefined && this.inner.value.step <= newest.report.step) this.inner.value = undefined;
    if (job?.progress === undefined || job.progress.lastSequence >= newest.sequence) return;
    const { report, sequence } = newest;
    const progress = create(JobProgressSchema, {
      ...job.progress,
      completedSteps: report.step,
      lastStep: report,
      lastSequence: sequence,
    });
    this.job.value = { ...job, progress };
  }
}
