// The way of the points from one step to the next, as a share of time.
import type { Points } from "./plane";

const longestMs = 450;

export function prefersStill(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

export class Motion {
  private from: Points;
  private begin = 0;
  private lengthMs = 0;

  constructor(private to: Points) {
    this.from = to;
  }

  // Begins to go to other points; at once where rows are not the same ones, or the user wants no motion.
  head(to: Points, now: number, periodMs: number): void {
    if (to === this.to) return;
    const sameRows = to.count === this.to.count && to.stride === this.to.stride && to.x === this.to.x && to.y === this.to.y;
    this.from = sameRows && !prefersStill() ? this.to : to;
    this.to = to;
    this.begin = now;
    this.lengthMs = Math.min(longestMs, periodMs * 0.9);
  }

  at(now: number): { readonly from: Points; readonly to: Points; readonly share: number; readonly moving: boolean } {
    const passed = this.lengthMs > 0 ? Math.min(1, Math.max(0, (now - this.begin) / this.lengthMs)) : 1;
    if (passed >= 1) this.from = this.to;
    return { from: this.from, to: this.to, share: passed * passed * (3 - 2 * passed), moving: passed < 1 };
  }
}
