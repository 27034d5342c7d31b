// A job in the making: its file, and what the server says of it while it is written.
import { batch, effect, signal } from "@preact/signals";
import { create, fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { type Job, JobSchema } from "contract/sliceflow/v1/job_pb";
import { ForkJobRequestSchema } from "contract/sliceflow/v1/job_service_pb";
import { FlowSpecSchema } from "contract/sliceflow/v1/flow_pb";
import { jobService } from "../server/clients";
import { describe, isLost, violationsOf, type Violation } from "../server/errors";
import { serverInfo } from "../server/server_info";
import { type Bounds, misfitsOf } from "./misfits";
import { objectAt, valueAt, withValue } from "./json_path";

export interface ForkPoint {
  readonly job: string;
  readonly step: number;
}

// What a fork may replace of its parent's specification.
const replaceable = ["functional", "solver", "schedule", "output", "seed"] as const;
const checkAfterMs = 350;

export class Draft {
  readonly file = signal<JsonObject>({ spec: {} });
  readonly violations = signal<readonly Violation[]>([]);
  // What is wrong with the file as a whole, or why it could not be checked.
  readonly problem = signal("");
  // What the server would create.
  readonly checked = signal<Job | undefined>(undefined);
  readonly sending = signal(false);
  // Of the space; while what is written there is none, the last that was one.
  readonly dimension = signal(1);
  private parent: JsonObject = {};
  private checking = new AbortController();
  private readonly endCheck: () => void;
  // The same for every attempt to send one draft, so that a repeated call makes one job.
  private requestId = newId();

  constructor(readonly fork: ForkPoint | undefined) {
    this.endCheck = effect(() => {
      const file = this.file.value;
      const asked = Number(valueAt(file, "spec.dimension") ?? 1);
      const most = serverInfo.peek()?.limits?.maxDimension ?? asked;
      if (Number.isSafeInteger(asked) && asked >= 1 && asked <= most) this.dimension.value = asked;
      this.checking.abort();
      this.checking = new AbortController();
      const { signal: stop } = this.checking;
      const timer = setTimeout(() => void this.check(file, stop), checkAfterMs);
      stop.addEventListener("abort", () => clearTimeout(timer));
    });
  }

  close(): void {
    this.endCheck();
    this.checking.abort();
  }

  // Begins with a file; of a fork, the parent's.
  begin(file: JsonObject): void {
    this.parent = objectAt(file, "spec");
    this.file.value = file;
  }

  set(path: string, value: JsonValue | undefined, excluded: readonly string[] = []): void {
    const cleared =
      value === undefined ? this.file.value : excluded.reduce((file, other) => withValue(file, other, undefined), this.file.value);
    this.file.value = withValue(cleared, path, value);
    this.requestId = newId();
  }

  // Those of a field, and of what lies within it.
  violationsAt(path: string): readonly Violation[] {
    const inside = (field: string) => field === path || field.startsWith(`${path}.`) || field.startsWith(`${path}[`);
    return this.violations.value.filter((violation) => inside(violation.field));
  }

  // Creates the job and answers its name; empty where it was refused.
  async send(): Promise<string> {
    this.sending.value = true;
    try {
      const job = await this.call(this.file.value, false);
      return job.name;
    } catch (error) {
      this.refused(error);
      return "";
    } finally {
      this.sending.value = false;
    }
  }

  private async check(file: JsonObject, stop: AbortSignal): Promise<void> {
    try {
      const job = await this.call(file, true, stop);
      batch(() => {
        this.checked.value = job;
        this.violations.value = [];
        this.problem.value = "";
      });
    } catch (error) {
      if (!stop.aborted) this.refused(error);
    }
  }

  private refused(reason: unknown): void {
    const error = reason instanceof FileError ? undefined : ConnectError.from(reason);
    batch(() => {
      this.checked.value = undefined;
      this.violations.value = error === undefined ? (reason as FileError).misfits : violationsOf(error).map(ofFile);
      const named = this.violations.value.length > 0;
      this.problem.value = error === undefined ? (reason as FileError).message : named ? "" : notChecked(error);
    });
  }

  private async call(file: JsonObject, validateOnly: boolean, stop?: AbortSignal): Promise<Job> {
    const options = stop === undefined ? {} : { signal: stop };
    const misfits = misfitsOf(JobSchema, file, servedBounds());
    if (misfits.length > 0) throw new FileError("", misfits);
    const job = parsed(() => fromJson(JobSchema, file));
    const requestId = validateOnly ? "" : this.requestId;
    if (this.fork === undefined) return await jobService.createJob({ job, validateOnly, requestId }, options);
    const { displayName, labels, device, limits } = job;
    const request = create(ForkJobRequestSchema, {
      name: this.fork.job,
      step: this.fork.step,
      overrides: parsed(() => fromJson(FlowSpecSchema, this.overrides(file))),
      validateOnly,
      requestId,
      displayName,
      labels,
      device,
      priority: job.priority,
      ...(limits === undefined ? {} : { limits }),
    });
    return await jobService.forkJob(request, options);
  }

  // What differs from the parent.
  private overrides(file: JsonObject): JsonObject {
    const spec = objectAt(file, "spec");
    const changed = replaceable.filter(
      (part) => spec[part] !== undefined && JSON.stringify(spec[part]) !== JSON.stringify(this.parent[part]),
    );
    return Object.fromEntries(changed.map((part) => [part, spec[part] ?? null]));
  }
}

// A fork's parts are named below `overrides`, a job's below `spec`, some with the request's own field before it.
function ofFile(violation: Violation): Violation {
  return { ...violation, field: violation.field.replace(/^job\./, "").replace(/^overrides\b/, "spec") };
}

function notChecked(error: ConnectError): string {
  return isLost(error) ? `${describe(error)}, so the job is not checked` : describe(error);
}

// A file that is not of the contract's form, which the server does not get to see.
class FileError extends Error {
  constructor(
    message: string,
    readonly misfits: readonly Violation[] = [],
  ) {
    super(message);
  }
}

// Of the form's fields whose ends the server names.
function servedBounds(): Bounds {
  const limits = serverInfo.peek()?.limits;
  if (limits === undefined) return new Map();
  return new Map([
    ["spec.dimension", [1, limits.maxDimension]],
    ["spec.schedule.numSteps", [1, limits.maxSteps]],
    ["spec.output.samplesPerStep", [0, limits.maxSamples]],
  ]);
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new FileError(
      String(error)
        .replace(/^Error: /, "")
        .replaceAll("sliceflow.v1.", ""),
    );
  }
}

function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
