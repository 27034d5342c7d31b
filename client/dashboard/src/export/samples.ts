// Reads stored samples of steps, one step after the other.
import type { Step } from "../job/flow";
import type { Tensor } from "../server/tensor";
import { Watcher, type WatchUpdate } from "../server/watch";

// Silence for longer is a failure.
const silenceMs = 60_000;

// Steps in the order of their numbers, each handed over once. Neighbours come over one connection. Throws where one does not come.
export async function readSamples(
  job: string,
  steps: readonly Step[],
  stop: AbortSignal,
  onSamples: (step: Step, samples: Tensor) => void,
): Promise<void> {
  for (let i = 0; i < steps.length;) {
    const run = runFrom(steps, i);
    await readRun(job, run, stop, onSamples);
    i += run.length;
  }
}

// The steps from one on that follow each other without a gap.
function runFrom(steps: readonly Step[], begin: number): readonly Step[] {
  let end = begin + 1;
  while (end < steps.length && steps[end]?.report.step === (steps[end - 1]?.report.step ?? 0) + 1) end += 1;
  return steps.slice(begin, end);
}

async function readRun(
  job: string,
  run: readonly Step[],
  stop: AbortSignal,
  onSamples: (step: Step, samples: Tensor) => void,
): Promise<void> {
  const enough = new AbortController();
  const waiting = new Map(run.map((step) => [step.sequence, step]));
  let silence = setTimeout(() => enough.abort(), silenceMs);
  const onUpdate = (update: WatchUpdate) => {
    clearTimeout(silence);
    silence = setTimeout(() => enough.abort(), silenceMs);
    if (update.kind !== "event") return;
    const step = waiting.get(update.event.sequence);
    if (step !== undefined && update.samples !== undefined) {
      onSamples(step, update.samples);
      waiting.delete(update.event.sequence);
    }
    if (update.event.sequence >= (run.at(-1)?.sequence ?? 0n)) enough.abort();
  };
  const afterSequence = (run[0]?.sequence ?? 1n) - 1n;
  try {
    const until = AbortSignal.any([stop, enough.signal]);
    await new Watcher(job, { afterSequence, sampleLimit: -1, includeInnerProgress: false, stop: until, onUpdate }).run();
  } finally {
    clearTimeout(silence);
  }
  stop.throwIfAborted();
  const [missing] = waiting.values();
  if (missing !== undefined) throw new Error(`the server did not send the samples of step ${missing.report.step}`);
}
