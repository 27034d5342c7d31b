// One time for several jobs: the places that any of them has a step at, in order, and which of them is shown.
import { batch, computed, effect, signal } from "@preact/signals";
import { type Clock, placesOf } from "../job/courses";
import type { ComparedJob } from "./compared_jobs";
import { indexUpTo, merged } from "./places";

const longestPlayMs = 20_000;
const shortestPeriodMs = 60;
const longestPeriodMs = 500;

export class SharedTime {
  readonly clock = signal<Clock>("wasserstein");
  readonly playing = signal(false);
  // The place that was chosen; undefined while the newest is followed.
  readonly chosen = signal<number | undefined>(undefined);
  readonly live = computed(() => this.chosen.value === undefined);

  private readonly places = computed(() => this.jobs.map((job) => placesOf(job.steps.value, this.clock.value)));
  readonly ticks = computed(() => merged(this.places.value));
  // Number of the shown tick.
  readonly step = computed(() => indexUpTo(this.ticks.value, this.chosen.value ?? Infinity));
  readonly place = computed(() => this.ticks.value[this.step.value] ?? 0);
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly ends: (() => void)[];

  constructor(private readonly jobs: readonly ComparedJob[]) {
    this.ends = [effect(() => this.wish()), effect(() => this.run())];
  }

  close(): void {
    clearTimeout(this.timer);
    for (const end of this.ends) end();
  }

  choose(tick: number): void {
    batch(() => {
      this.playing.value = false;
      this.show(tick);
    });
  }

  follow(): void {
    batch(() => {
      this.playing.value = false;
      this.chosen.value = undefined;
    });
  }

  // Plays from here, or from the beginning where the end is shown.
  toggle(): void {
    batch(() => {
      if (!this.playing.value) this.show(this.step.value >= this.ticks.value.length - 1 ? 0 : this.step.value);
      this.playing.value = !this.playing.value;
    });
  }

  get periodMs(): number {
    return Math.max(shortestPeriodMs, Math.min(longestPeriodMs, longestPlayMs / Math.max(1, this.ticks.value.length)));
  }

  private show(tick: number): void {
    this.chosen.value = this.ticks.value[Math.max(0, Math.min(tick, this.ticks.value.length - 1))];
  }

  // Each job shows its newest step up to the place, and reads the one after it ahead.
  private wish(): void {
    const place = this.place.value;
    this.jobs.forEach((job, i) => {
      const steps = job.steps.value;
      const at = indexUpTo(this.places.value[i] ?? [], place);
      job.wanted.value = steps[at];
      job.store.want(steps.slice(at, at + 2));
    });
  }

  // Goes on once every job's samples are there, or cannot come.
  private run(): void {
    clearTimeout(this.timer);
    if (!this.playing.value || this.jobs.some((job) => job.waits)) return;
    const next = this.step.value + 1;
    this.timer = setTimeout(() => (next < this.ticks.value.length ? this.show(next) : this.follow()), this.periodMs);
  }
}
