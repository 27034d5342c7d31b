// Samples as images: the first rows of a step, side by side. The table below has the numbers.
import { useEffect, useRef } from "preact/hooks";
import type { FlowSpec } from "contract/sliceflow/v1/flow_pb";
import type { Tensor } from "../server/tensor";
import { figure } from "../words";

export interface ImageShape {
  readonly height: number;
  readonly width: number;
}

const columns = 10;
const maxImages = 100;
const smallestSide = 4;

// Of one value a pixel: what the model says, or a square.
export function imageShapeOf(spec: FlowSpec | undefined): ImageShape | undefined {
  if (spec === undefined) return undefined;
  const model = spec.model?.kind;
  if (model?.case === "cnn")
    return (model.value.channels ?? 1) === 1 ? { height: model.value.height, width: model.value.width } : undefined;
  const side = Math.round(Math.sqrt(spec.dimension));
  return side >= smallestSide && side * side === spec.dimension ? { height: side, width: side } : undefined;
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
  const count = Math.min(maxImages, tensor?.shape[0] ?? 0);
  const size = shape.height * shape.width;
  const shown = tensor?.values.subarray(0, count * size);
  const range = shown === undefined ? undefined : rangeOf(shown);
  useEffect(() => {
    if (shown !== undefined && range !== undefined && canvas.current !== null) paint(canvas.current, shown, range, count, shape);
  }, [tensor, count]);
  const label = `${count} samples of step ${step} as images of ${shape.height} by ${shape.width} points`;
  return (
    <figure class="images">
      <canvas ref={canvas} role="img" aria-label={label} hidden={count === 0} />
      <figcaption class="faint">
        {range === undefined ? "" : `${label}; black is ${figure(range[0])}, white is ${figure(range[1])}`}
      </figcaption>
    </figure>
  );
}

// One pixel of the canvas a value, and one between images.
function paint(canvas: HTMLCanvasElement, values: Float32Array, range: readonly [number, number], count: number, shape: ImageShape): void {
  const across = Math.min(columns, count);
  canvas.width = across * (shape.width + 1) - 1;
  canvas.height = Math.ceil(count / columns) * (shape.height + 1) - 1;
  const context = canvas.getContext("2d");
  if (context === null || count === 0) return;
  const image = context.createImageData(canvas.width, canvas.height);
  values.forEach((value, i) => {
    const number = Math.floor(i / (shape.height * shape.width));
    const within = i % (shape.height * shape.width);
    const x = (number % columns) * (shape.width + 1) + (within % shape.width);
    const y = Math.floor(number / columns) * (shape.height + 1) + Math.floor(within / shape.width);
    const gray = (255 * (value - range[0])) / (range[1] - range[0]);
    image.data.set([gray, gray, gray, 255], 4 * (y * canvas.width + x));
  });
  context.putImageData(image, 0, 0);
}
