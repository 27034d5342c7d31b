// Following a job: each durable event once and in order, whatever happens to the connection.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Job, Job_State, type JobEvent } from "contract/sliceflow/v1/job_pb";
import { WatchJobRequestSchema, type WatchJobResponse } from "contract/sliceflow/v1/job_service_pb";
import { BackOff, pause } from "./back_off";
import { jobService, noTimeout } from "./clients";
import { isLost } from "./errors";
import { type Tensor, TensorAssembler } from "./tensor";

// What a watch brings.
export type WatchUpdate =
  | { readonly kind: "event"; readonly event: JobEvent; readonly samples: Tensor | undefined }
  | { readonly kind: "compacted"; readonly earliestSequence: bigint }
  | { readonly kind: "snapshot"; readonly job: Job };

export interface WatchOptions {
  // The last sequence already seen; 0 starts at the beginning.
  readonly afterSequence: bigint;
  // Rows of each step's samples: 0 none, −1 all that are stored.
  readonly sampleLimit: number;
  readonly includeInnerProgress: boolean;
  // Ends the watch, not the job.
  readonly stop: AbortSignal;
  readonly onUpdate: (update: WatchUpdate) => void;
  // A connection was made and has brought something.
  readonly onLive?: () => void;
  // The connection is lost; another attempt is made after the pause.
  readonly onLost?: (reason: ConnectError, pauseMs: number) => void;
}

export function isFinal(state: Job_State): boolean {
  return state === Job_State.SUCCEEDED || state === Job_State.FAILED || state === Job_State.CANCELLED;
}

// One watch over as many connections as it takes.
export class Watcher {
  private lastSequence: bigint;
  private ended = false;
  private pending: WatchUpdate | undefined;
  private assembler = new TensorAssembler();
  private readonly backOff = new BackOff();
  private connection = new AbortController();

  constructor(
    private readonly job: string,
    private readonly options: WatchOptions,
  ) {
    this.lastSequence = options.afterSequence;
  }

  // Ends when the job has ended or `stop` is aborted; throws what the server refuses with. Takes a lost connection up again after the last
  // sequence it handed over, for as long as it is not stopped.
  async run(): Promise<void> {
    const { stop, onLost } = this.options;
    while (!this.ended && !stop.aborted) {
      const reason = await this.attempt();
      if (this.ended || stop.aborted) return;
      if (!isLost(reason)) throw reason;
      const ms = this.backOff.next(reason);
      onLost?.(reason, ms);
      await pause(ms, stop);
    }
  }

  get sequence(): bigint {
    return this.lastSequence;
  }

  // Gives up the connection, which is taken up again: for those who know that it brings nothing any more.
  reconnect(): void {
    this.connection.abort();
  }

  // Reads one connection to its end and says why it ended.
  private async attempt(): Promise<ConnectError> {
    try {
      await this.readStream();
      if (!this.ended) await this.lookAtJob();
      return new ConnectError("the server ended the stream before the job ended", Code.Unavailable);
    } catch (error) {
      if (error instanceof HandlerError) throw error.cause;
      return ConnectError.from(error);
    }
  }

  private async readStream(): Promise<void> {
    this.pending = undefined;
    this.connection = new AbortController();
    const { sampleLimit, includeInnerProgress, stop, onLive } = this.options;
    const request = create(WatchJobRequestSchema, { name: this.job, afterSequence: this.lastSequence, sampleLimit, includeInnerProgress });
    const signal = AbortSignal.any([stop, this.connection.signal]);
    for await (const response of jobService.watchJob(request, { signal, timeoutMs: noTimeout })) {
      this.backOff.reset();
      onLive?.();
      this.receive(response);
      if (stop.aborted) return;
    }
    // A stream that ends well has sent all the samples that it has.
    this.deliver();
  }

  private receive(response: WatchJobResponse): void {
    const { kind } = response;
    if (kind.case === "samples") {
      if (this.pending?.kind !== "event") return; // of an event that was handed over before
      const samples = this.assembler.add(kind.value);
      if (samples === undefined) return;
      this.pending = { ...this.pending, samples };
      this.deliver();
      return;
    }
    this.deliver();
    if (kind.case === "compacted") this.pending = { kind: "compacted", earliestSequence: kind.value.earliestSequence };
    if (kind.case === "snapshot") this.pending = { kind: "snapshot", job: kind.value };
    if (kind.case === "event") {
      this.pending = { kind: "event", event: kind.value, samples: undefined };
      const step = kind.value.kind.case === "stepCompleted" ? kind.value.kind.value : undefined;
      // A step is handed over together with its samples, so that one whose samples broke off is asked for again.
      if (this.options.sampleLimit !== 0 && step !== undefined && step.sampleCount > 0) {
        this.assembler = new TensorAssembler();
        return;
      }
    }
    this.deliver();
  }

  // Hands the pending update over, unless it is of an event seen before.
  private deliver(): void {
    const update = this.pending;
    this.pending = undefined;
    if (update === undefined) return;
    const sequence = update.kind === "event" ? update.event.sequence : 0n;
    if (sequence > 0n && sequence <= this.lastSequence) return;
    try {
      this.options.onUpdate(update);
    } catch (error) {
      throw new HandlerError(error);
    }
    if (sequence > 0n) this.lastSequence = sequence;
    if (update.kind === "compacted" && update.earliestSequence - 1n > this.lastSequence) this.lastSequence = update.earliestSequence - 1n;
    if (update.kind === "event" && update.event.kind.case === "stateChanged") this.ended = isFinal(update.event.kind.value.state);
  }

  // A stream that ended well without a final event: the job ended before `afterSequence`, or the server is going down.
  private async lookAtJob(): Promise<void> {
    const job = await jobService.getJob({ name: this.job }, { signal: this.options.stop });
    this.ended = isFinal(job.state) && (job.progress?.lastSequence ?? 0n) <= this.lastSequence;
  }
}

// A mistake of the reader's, to be told from one of the connection's.
class HandlerError extends Error {
  constructor(override readonly cause: unknown) {
    super();
  }
}

export interface EventsOptions {
  readonly after: bigint;
  readonly until: bigint;
  readonly stop: AbortSignal;
  readonly onEvent: (event: JobEvent) => void;
}

// Reads a job's durable events after a sequence up to another one that is known to exist, and ends. Throws what the server refuses with.
export async function readEvents(job: string, { after, until, stop, onEvent }: EventsOptions): Promise<void> {
  const enough = new AbortController();
  const onUpdate = (update: WatchUpdate) => {
    if (update.kind !== "event") return;
    onEvent(update.event);
    if (update.event.sequence >= until) enough.abort();
  };
  const options = {
    afterSequence: after,
    sampleLimit: 0,
    includeInnerProgress: false,
    stop: AbortSignal.any([stop, enough.signal]),
    onUpdate,
  };
  await new Watcher(job, options).run();
}
