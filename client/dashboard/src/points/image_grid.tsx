// Samples as images: the first rows of a step, side by side. The table below has the numbers.
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { FlowSpec } from "contract/sliceflow/v1/flow_pb";
import type { Tensor } from "../server/tensor";
import { figure } from "../words";

export interface ImageShape {
  // 1, shades of grey, or 3, colours.
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

const columns = 10;
const maxImages = 100;
const smallestSide = 4;

// What the model says, or a square, or three of them one after the other.
export function imageShapeOf(spec: FlowSpec | undefined): ImageShape | undefined {
  if (spec === undefined) return undefined;
  const model = spec.model?.kind;
  if (model?.case === "cnn") {
    const channels = model.value.channels ?? 1;
    return channels === 1 || channels === 3 ? { channels, height: model.value.height, width: model.value.width } : undefined;
  }
  for (const channels of [1, 3]) {
    const side = Math.round(Math.sqrt(spec.dimension / channels));
    if (side >= smallestSide && channels * side * side === spec.dimension) return { channels, height: side, width: side };
  }
  return undefined;
}

function rangeOf(values: Float32Array): readonly [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low < high ? [low, high] : [low - 0.5, low + 0.5];
}

export function ImageGrid({
  tensor,
  step,
  shape,
}: {
  readonly tensor: Tensor | undefined;
  readonly step: number;
  readonly shape: ImageShape;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const count = shownOf(tensor);
  const range = useMemo(() => (tensor === undefined ? undefined : rangeOf(firstImages(tensor, shape))), [tensor]);
  useLayoutEffect(() => {
    if (tensor !== undefined && canvas.current !== null) paintImages(canvas.current, tensor, shape);
  }, [tensor]);
  const label = `${count} samples of step ${step} as images of ${shape.height} by ${shape.width} points${shape.channels === 3 ? " in colour" : ""}`;
  return (
    <figure class="images">
      <canvas ref={canvas} role="img" aria-label={label} hidden={count === 0} />
      <figcaption class="faint">
        {range === undefined
          ? ""
          : `${label}; ${shape.channels === 3 ? "no light" : "black"} is ${figure(range[0])}, ${shape.channels === 3 ? "full light" : "white"} is ${figure(range[1])}`}
      </figcaption>
    </figure>
  );
}

function shownOf(tensor: Tensor | undefined): number {
  return Math.min(maxImages, tensor?.shape[0] ?? 0);
}

function firstImages(tensor: Tensor, shape: ImageShape): Float32Array {
  return tensor.values.subarray(0, shownOf(tensor) * shape.channels * shape.height * shape.width);
}

// One pixel of the canvas a value, and one between images. Colours lie one plane after the other, as the model has them.
export function paintImages(canvas: HTMLCanvasElement, tensor: Tensor, shape: ImageShape): void {
  const count = shownOf(tensor);
  const values = firstImages(tensor, shape);
  const [low, high] = rangeOf(values);
  const across = Math.min(columns, count);
  canvas.width = Math.max(1, across * (shape.width + 1) - 1);
  canvas.height = Math.max(1, Math.ceil(count / columns) * (shape.height + 1) - 1);
  const context = canvas.getContext("2d");
  if (context === null || count === 0) return;
  const image = context.createImageData(canvas.width, canvas.height);
  const plane = shape.height * shape.width;
  const level = (number: number, channel: number, pixel: number) =>
    (255 * ((values[(number * shape.channels + channel) * plane + pixel] ?? 0) - low)) / (high - low);
  for (let number = 0; number < count; number += 1) {
    for (let pixel = 0; pixel < plane; pixel += 1) {
      const x = (number % columns) * (shape.width + 1) + (pixel % shape.width);
      const y = Math.floor(number / columns) * (shape.height + 1) + Math.floor(pixel / shape.width);
      const red = level(number, 0, pixel);
      const colored = shape.channels === 3 ? [red, level(number, 1, pixel), level(number, 2, pixel)] : [red, red, red];
      image.data.set([...colored, 255], 4 * (y * canvas.width + x));
    }
  }
  context.putImageData(image, 0, 0);
}
