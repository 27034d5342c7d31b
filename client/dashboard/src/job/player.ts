// Which step is shown, and how the page goes from one to the next.
import { batch, computed, effect, signal } from "@preact/signals";
import type { Flow, Step } from "./flow";
import type { SampleStore } from "./sample_store";

export const speeds = [0.5, 1, 2, 4, 8, 16] as const;
// Steps a second at speed 1.
const stepsPerSecond = 2;

export class Player {
  // Follows the newest step.
  readonly live = signal(true);
  readonly playing = signal(false);
  readonly speed = signal(1);
  private readonly chosen = signal(0);
  private timer: ReturnType<typeof setTimeout> | undefined;
  // When the step that plays has been shown for long enough.
  private due = { step: -1, at: 0 };
  private readonly ends: (() => void)[];

  // The step that is asked for.
  readonly step = computed(() => (this.live.value ? (this.flow.steps.value.at(-1)?.report.step ?? 0) : this.chosen.value));
  // The newest step up to it whose samples are there.
  readonly shown = signal<number | undefined>(undefined);

  constructor(
    private readonly flow: Flow,
    private readonly store: SampleStore,
  ) {
    this.ends = [effect(() => this.wish()), effect(() => this.look()), effect(() => this.run())];
  }

  close(): void {
    clearTimeout(this.timer);
    for (const end of this.ends) end();
  }

  // Shows one step, and stops playing and following.
  choose(step: number): void {
    const last = this.flow.steps.value.at(-1)?.report.step ?? step;
    batch(() => {
      this.chosen.value = Math.max(0, Math.min(step, last));
      this.live.value = false;
      this.playing.value = false;
    });
  }

  // As `choose`, of a step that may not have been heard of yet.
  begin(step: number): void {
    this.chosen.value = step;
    this.live.value = false;
  }

  follow(): void {
    batch(() => {
      this.live.value = true;
      this.playing.value = false;
    });
  }

  // Plays from here, or from the beginning where the end is shown.
  toggle(): void {
    const last = this.flow.steps.value.at(-1)?.report.step ?? 0;
    batch(() => {
      if (!this.playing.value) {
        this.chosen.value = this.step.value >= last ? (this.flow.steps.value[0]?.report.step ?? 0) : this.step.value;
        this.live.value = false;
      }
      this.playing.value = !this.playing.value;
    });
  }

  private wish(): void {
    const steps = this.flow.steps.value;
    const at = indexOf(steps, this.step.value);
    const here = steps[at];
    if (here === undefined) return;
    // Gone and come back: read again what the bound on memory has dropped.
    void this.store.version.value;
    void this.store.drawCount.value;
    const ahead = this.playing.value ? this.store.ahead : 1;
    this.store.want(this.live.value ? [here] : [here, ...steps.slice(at + 1, at + 1 + ahead)]);
  }

  private look(): void {
    void this.store.version.value;
    const { value } = this.step;
    if (this.store.at(value) !== undefined) this.shown.value = value;
    else if (this.shown.value !== undefined && this.store.at(this.shown.value) === undefined) this.shown.value = undefined;
  }

  // Goes on once the step is there, or cannot come.
  private run(): void {
    clearTimeout(this.timer);
    if (!this.playing.value) {
      this.due = { step: -1, at: 0 };
      return;
    }
    const { value } = this.step;
    const steps = this.flow.steps.value;
    const here = steps[indexOf(steps, value)];
    const next = steps[indexOf(steps, value) + 1];
    void this.store.version.value;
    const expected = here !== undefined && here.sampleCount > 0 && !this.store.problems.value.has(value);
    if (expected && this.store.at(value) === undefined) return;
    if (this.due.step !== value) this.due = { step: value, at: performance.now() + this.periodMs };
    const rest = Math.max(0, this.due.at - performance.now());
    this.timer = setTimeout(() => (next === undefined ? this.follow() : (this.chosen.value = next.report.step)), rest);
  }

  get periodMs(): number {
    return 1000 / (stepsPerSecond * this.speed.value);
  }
}

// Where a step's number is in the list, or the nearest one before it.
export function indexOf(steps: readonly Step[], number: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((steps[middle]?.report.step ?? 0) <= number) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}
