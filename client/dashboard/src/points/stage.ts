// The canvas of the points: draws a frame when something has changed, and only then.
import type { Camera, Size } from "./camera";
import { Motion } from "./motion";
import type { Points } from "./plane";
import { PointsRenderer } from "./renderer";

export class Stage {
  private renderer: PointsRenderer | undefined;
  private motion: Motion | undefined;
  private camera: Camera = { x: 0, y: 0, radius: 1 };
  private size: Size = { width: 1, height: 1 };
  private color: readonly [number, number, number] = [0, 0, 0];
  private requested = 0;

  // Throws where the browser cannot draw.
  constructor(private readonly canvas: HTMLCanvasElement) {
    this.renderer = new PointsRenderer(canvas);
    canvas.addEventListener("webglcontextlost", this.onLost);
    canvas.addEventListener("webglcontextrestored", this.onRestored);
  }

  close(): void {
    cancelAnimationFrame(this.requested);
    this.canvas.removeEventListener("webglcontextlost", this.onLost);
    this.canvas.removeEventListener("webglcontextrestored", this.onRestored);
    this.renderer?.close();
    this.renderer = undefined;
  }

  show(points: Points | undefined, periodMs: number): void {
    if (points === undefined) this.motion = undefined;
    else if (this.motion === undefined) this.motion = new Motion(points);
    else this.motion.head(points, performance.now(), periodMs);
    this.request();
  }

  look(camera: Camera, size: Size): void {
    this.camera = camera;
    this.size = size;
    this.request();
  }

  // Takes the canvas's own text colour, which follows the theme.
  recolor(): void {
    const [red = 0, green = 0, blue = 0] = (getComputedStyle(this.canvas).color.match(/[\d.]+/g) ?? []).map((part) => Number(part) / 255);
    this.color = [red, green, blue];
    this.request();
  }

  private request(): void {
    if (this.requested === 0) this.requested = requestAnimationFrame((now) => this.draw(now));
  }

  private draw(now: number): void {
    this.requested = 0;
    const state = this.motion?.at(Math.max(now, 0));
    this.canvas.hidden = state === undefined;
    if (state === undefined || this.renderer === undefined) return;
    const { from, to, share, moving } = state;
    const { camera, size, color } = this;
    this.renderer.draw({ from, to, share, camera, size, color, pixelRatio: Math.min(devicePixelRatio, 2), ...strokeFor(to.count) });
    if (moving) this.request();
  }

  private readonly onLost = (event: Event) => {
    event.preventDefault();
    this.renderer = undefined;
  };

  private readonly onRestored = () => {
    this.renderer = new PointsRenderer(this.canvas);
    this.request();
  };
}

// Many points are drawn small and faint, so that where they are dense shows.
export function strokeFor(count: number): { readonly diameter: number; readonly opacity: number } {
  if (count <= 3000) return { diameter: 4, opacity: 0.7 };
  if (count <= 30_000) return { diameter: 3, opacity: 0.45 };
  if (count <= 200_000) return { diameter: 2, opacity: 0.3 };
  return { diameter: 1.5, opacity: 0.15 };
}
