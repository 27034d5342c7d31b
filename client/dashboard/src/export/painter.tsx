// Paints steps as the page shows them, on canvases of a size of one's own: for pictures, film strips and films.
import { render } from "preact";
import { Axes } from "../points/axes";
import type { Camera, Size } from "../points/camera";
import { paintImages } from "../points/image_grid";
import type { ImageShape } from "../points/image_pixels";
import { type Overlay, Overlays, TargetRows } from "../points/overlays";
import { place, type Points, type Projection } from "../points/plane";
import { PointsRenderer } from "../points/renderer";
import { strokeFor } from "../points/stage";
import type { Step } from "../job/flow";
import type { Tensor } from "../server/tensor";
import { figure } from "../words";
import { element, imageOf, standalone } from "./svg";

const maxSvgPoints = 50_000;

// What the page shows beside the points themselves.
export interface View {
  readonly projection: Projection;
  readonly camera: Camera;
  readonly names: readonly [string, string];
  readonly overlayAt: (step: Step) => Overlay;
  // Set where samples are shown as images.
  readonly images: ImageShape | undefined;
}

export class Painter {
  private readonly canvas = document.createElement("canvas");
  private readonly host = document.createElement("div");
  private readonly colors: { readonly ground: string; readonly text: string; readonly font: string; readonly points: string };
  private renderer: PointsRenderer | undefined;

  constructor(
    private readonly view: View,
    private readonly size: Size,
    private readonly pixelRatio: number,
  ) {
    // In the document, so that the page's styles reach what is drawn there; out of sight.
    this.host.className = "points painter";
    this.host.setAttribute("aria-hidden", "true");
    document.body.append(this.host);
    const style = getComputedStyle(document.documentElement);
    const points = document.querySelector(".points canvas");
    const color = points === null ? style.color : getComputedStyle(points).color;
    this.colors = { ground: style.backgroundColor, text: style.color, font: style.fontFamily, points: color };
  }

  close(): void {
    this.renderer?.close();
    render(null, this.host);
    this.host.remove();
  }

  // A picture of the step with its number and time in the corner.
  async frame(step: Step, samples: Tensor): Promise<HTMLCanvasElement> {
    const frame = document.createElement("canvas");
    frame.width = Math.round(this.size.width * this.pixelRatio);
    frame.height = Math.round(this.size.height * this.pixelRatio);
    const context = frame.getContext("2d", { willReadFrequently: true });
    if (context === null) throw new Error("this browser paints no pictures");
    context.fillStyle = this.colors.ground;
    context.fillRect(0, 0, frame.width, frame.height);
    if (this.view.images !== undefined) this.drawImages(context, samples, this.view.images);
    else await this.drawPoints(context, step, samples);
    context.font = `${13 * this.pixelRatio}px ${this.colors.font}`;
    context.fillStyle = this.colors.text;
    context.textAlign = "right";
    context.fillText(captionOf(step), frame.width - 8 * this.pixelRatio, 18 * this.pixelRatio);
    return frame;
  }

  // The picture as lines and circles.
  svg(step: Step, samples: Tensor): SVGElement {
    const points = place(samples, step.report.step, this.view.projection);
    if (points.y < 0) throw new Error("points on a line are spread at random over the height, which an SVG file would take for figures");
    if (points.count > maxSvgPoints) throw new Error(`${points.count} points are too many for SVG, at most ${maxSvgPoints}: take PNG`);
    const [axes, overlays] = this.drawings(step, points);
    const { width, height } = this.size;
    const whole = element("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
    const { diameter, opacity } = strokeFor(points.count);
    const circles = element("g", { fill: this.colors.points, "fill-opacity": opacity });
    const scale = Math.min(width, height) / 2 / this.view.camera.radius;
    for (let row = 0; row < points.count; row += 1) {
      const x = width / 2 + ((points.values[row * points.stride + points.x] ?? 0) - this.view.camera.x) * scale;
      const y = height / 2 - ((points.values[row * points.stride + points.y] ?? 0) - this.view.camera.y) * scale;
      if (x >= 0 && x <= width && y >= 0 && y <= height) {
        circles.append(element("circle", { cx: x.toFixed(2), cy: y.toFixed(2), r: diameter / 2 }));
      }
    }
    const caption = element("text", { x: width - 8, y: 18, "text-anchor": "end", "font-size": 13, fill: this.colors.text });
    caption.setAttribute("font-family", this.colors.font);
    caption.textContent = captionOf(step);
    whole.append(element("rect", { width, height, fill: this.colors.ground }), axes, circles, overlays, caption);
    return whole;
  }

  private async drawPoints(context: CanvasRenderingContext2D, step: Step, samples: Tensor): Promise<void> {
    const points = place(samples, step.report.step, this.view.projection);
    const [below, above] = this.drawings(step, points);
    const [axes, overlays] = [await imageOf(below), await imageOf(above)];
    this.renderer ??= new PointsRenderer(this.canvas);
    const [red = 0, green = 0, blue = 0] = (this.colors.points.match(/[\d.]+/g) ?? []).map((part) => Number(part) / 255);
    const { size, pixelRatio } = this;
    const color = [red, green, blue] as const;
    const { width, height } = context.canvas;
    context.drawImage(axes, 0, 0, width, height);
    // What was drawn is gone once the browser has had its turn, so it is taken over at once.
    this.renderer.draw({
      from: points,
      to: points,
      share: 1,
      camera: this.view.camera,
      size,
      pixelRatio,
      color,
      ...strokeFor(points.count),
    });
    context.drawImage(this.canvas, 0, 0, width, height);
    context.drawImage(overlays, 0, 0, width, height);
  }

  private drawings(step: Step, points: Points): readonly [SVGElement, SVGElement] {
    const { camera, names } = this.view;
    const { width, height } = this.size;
    const shown = { overlays: [this.view.overlayAt(step)], layers: [{ points, label: "", series: 0 }], camera, size: this.size };
    render(
      <>
        <svg width={width} height={height}>
          <Axes camera={camera} size={this.size} names={names} />
          <TargetRows {...shown} />
        </svg>
        <svg width={width} height={height}>
          <Overlays {...shown} />
        </svg>
      </>,
      this.host,
    );
    const [axes, overlays] = [...this.host.querySelectorAll<SVGElement>(":scope > svg")];
    if (axes === undefined || overlays === undefined) throw new Error("this browser draws no SVG");
    return [standalone(axes), standalone(overlays)];
  }

  private drawImages(context: CanvasRenderingContext2D, samples: Tensor, shape: ImageShape): void {
    paintImages(this.canvas, samples, shape);
    const { width, height } = context.canvas;
    const scale = Math.min(width / this.canvas.width, height / this.canvas.height);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.canvas, 0, 0, this.canvas.width * scale, this.canvas.height * scale);
  }
}

function captionOf({ report }: Step): string {
  return `step ${report.step}, time ${figure(report.wassersteinTime)}`;
}

// At most so many, spread evenly; first and last among them.
export function spread<T>(items: readonly T[], most: number): T[] {
  if (items.length <= most) return [...items];
  const chosen = Array.from({ length: most }, (_, i) => Math.round((i * (items.length - 1)) / Math.max(1, most - 1)));
  return chosen.flatMap((i) => items[i] ?? []);
}
