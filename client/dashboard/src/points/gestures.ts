// Pointers on the picture: one drags, two pinch, one that goes up where it came down has clicked.
import { type Camera, panned, type Size, zoomed } from "./camera";

interface Place {
  readonly x: number;
  readonly y: number;
}

const clickWithin = 4;

export class Gestures {
  private readonly pointers = new Map<number, Place>();
  private travelled = 0;

  down(event: PointerEvent): void {
    if (event.pointerType === "mouse" && event.button !== 0) return;
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    if (this.pointers.size === 0) this.travelled = 0;
    this.pointers.set(event.pointerId, placeOf(event));
  }

  // The camera after the move; undefined where nothing is held down.
  move(event: PointerEvent, camera: Camera, size: Size): Camera | undefined {
    const before = this.pointers.get(event.pointerId);
    if (before === undefined) return undefined;
    const now = placeOf(event);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    this.travelled += Math.hypot(now.x - before.x, now.y - before.y);
    if (other === undefined) return panned(camera, size, now.x - before.x, now.y - before.y);
    const spread = Math.hypot(before.x - other.x, before.y - other.y);
    const factor = spread > 0 ? Math.hypot(now.x - other.x, now.y - other.y) / spread : 1;
    return zoomed(camera, size, factor || 1, (now.x + other.x) / 2, (now.y + other.y) / 2);
  }

  // Where it clicked, if it did.
  up(event: PointerEvent): Place | undefined {
    const held = this.pointers.delete(event.pointerId);
    return held && this.pointers.size === 0 && this.travelled < clickWithin ? placeOf(event) : undefined;
  }

  cancel(event: PointerEvent): void {
    this.pointers.delete(event.pointerId);
    this.travelled = clickWithin;
  }
}

function placeOf(event: PointerEvent): Place {
  const box = (event.currentTarget as Element).getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}
