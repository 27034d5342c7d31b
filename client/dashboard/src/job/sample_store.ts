// Samples of the steps that are looked at. Holds a bounded number of bytes; what was dropped is read again when it is wanted.
import { signal } from "@preact/signals";
import { create } from "@bufbuild/protobuf";
import { SampleJobRequestSchema } from "contract/sliceflow/v1/job_service_pb";
import { jobService, noTimeout } from "../server/clients";
import { describe } from "../server/errors";
import { type Tensor, TensorAssembler } from "../server/tensor";
import { Watcher, type WatchUpdate } from "../server/watch";
import type { Step } from "./flow";

const mostBytes = 192 * 1024 * 1024;
const readDeadlineMs = 60_000;

export class SampleStore {
  // Counts what has come or gone, for those who look.
  readonly version = signal(0);
  // Why samples of a step do not come.
  readonly problems = signal<ReadonlyMap<number, string>>(new Map());
  // How many rows are drawn of each step's checkpoint; 0 takes those stored with it.
  readonly drawCount = signal(0);

  private readonly kept = new Map<number, Tensor>();
  private bytes = 0;
  private wanted: readonly Step[] = [];
  private reading = false;
  private readonly stop = new AbortController();
  private generation = new AbortController();

  constructor(
    private readonly job: string,
    private readonly maxBytes = mostBytes,
  ) {}

  at(step: number): Tensor | undefined {
    const tensor = this.kept.get(step);
    if (tensor === undefined) return undefined;
    // The order of the map is that of use.
    this.kept.delete(step);
    this.kept.set(step, tensor);
    return tensor;
  }

  // Without counting as use.
  peek(step: number): Tensor | undefined {
    return this.kept.get(step);
  }

  // The steps whose samples are here, in their order.
  get numbers(): number[] {
    return [...this.kept.keys()].sort((a, b) => a - b);
  }

  // How many steps like the newest may be read ahead without dropping what is shown.
  get ahead(): number {
    const newest = [...this.kept.values()].at(-1);
    if (newest === undefined || newest.values.byteLength === 0) return 1;
    return Math.max(1, Math.min(8, Math.floor(this.maxBytes / 4 / newest.values.byteLength)));
  }

  // Has these steps' samples read, first things first, instead of what was wanted before.
  want(steps: readonly Step[]): void {
    this.wanted = steps;
    if (!this.reading) void this.readAll();
  }

  // Draws another number of rows from now on; 0 takes the stored ones.
  draw(count: number): void {
    if (count === this.drawCount.value) return;
    this.generation.abort();
    this.generation = new AbortController();
    this.kept.clear();
    this.bytes = 0;
    this.problems.value = new Map();
    this.drawCount.value = count;
    this.version.value += 1;
  }

  close(): void {
    this.stop.abort();
    this.kept.clear();
  }

  private async readAll(): Promise<void> {
    this.reading = true;
    for (let step = this.next(); step !== undefined && !this.stop.signal.aborted; step = this.next()) await this.read(step);
    this.reading = false;
  }

  private missing(step: Step): boolean {
    const has = this.drawCount.value === 0 ? step.sampleCount > 0 : step.checkpointKept;
    return has && !this.kept.has(step.report.step) && !this.problems.value.has(step.report.step);
  }

  private next(): Step | undefined {
    return this.wanted.find((step) => this.missing(step));
  }

  private async read(step: Step): Promise<void> {
    const generation = this.generation.signal;
    const stop = AbortSignal.any([this.stop.signal, generation]);
    try {
      if (this.drawCount.value === 0) await this.readStored(step, stop);
      else await this.readDrawn(step, this.drawCount.value, stop);
      const silent = !stop.aborted && !this.kept.has(step.report.step);
      if (silent) this.tell(step.report.step, "its samples are no longer kept");
    } catch (error) {
      if (!stop.aborted) this.tell(step.report.step, describe(error));
    }
  }

  // Reads on from step to step for as long as the next one is wanted too: one connection brings them all.
  private async readStored(step: Step, stop: AbortSignal): Promise<void> {
    const enough = new AbortController();
    const onUpdate = (update: WatchUpdate) => {
      if (update.kind === "compacted") return enough.abort();
      if (update.kind !== "event" || update.event.kind.case !== "stepCompleted") return;
      const number = update.event.kind.value.report?.step;
      if (number === undefined) return;
      if (update.samples !== undefined && !stop.aborted) this.keep(number, update.samples);
      if (!this.wanted.some((other) => other.report.step === number + 1 && this.missing(other))) enough.abort();
    };
    const until = AbortSignal.any([stop, enough.signal, AbortSignal.timeout(readDeadlineMs)]);
    const options = { afterSequence: step.sequence - 1n, sampleLimit: -1, includeInnerProgress: false, stop: until, onUpdate };
    await new Watcher(this.job, options).run();
  }

  private async readDrawn(step: Step, count: number, stop: AbortSignal): Promise<void> {
    const request = create(SampleJobRequestSchema, { name: this.job, step: step.report.step, count });
    const until = AbortSignal.any([stop, AbortSignal.timeout(readDeadlineMs)]);
    const assembler = new TensorAssembler();
    for await (const chunk of jobService.sampleJob(request, { signal: until, timeoutMs: noTimeout })) {
      const tensor = assembler.add(chunk);
      if (tensor !== undefined && !stop.aborted) this.keep(step.report.step, tensor);
    }
  }

  private tell(step: number, problem: string): void {
    this.problems.value = new Map(this.problems.value).set(step, problem);
  }

  private keep(step: number, tensor: Tensor): void {
    this.kept.set(step, tensor);
    this.bytes += tensor.values.byteLength;
    for (const [oldest, dropped] of this.kept) {
      if (this.bytes <= this.maxBytes || oldest === step) break;
      this.kept.delete(oldest);
      this.bytes -= dropped.values.byteLength;
    }
    this.version.value += 1;
  }
}
