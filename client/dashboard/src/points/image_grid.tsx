// Samples as images: the first rows of a step, side by side. The table below has the numbers.
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { FlowSpec } from "contract/sliceflow/v1/flow_pb";
import type { Tensor } from "../server/tensor";
import { figure } from "../words";
import { firstImages, type ImageShape, pixelsOf, rangeOf, shownOf } from "./image_pixels";

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

export function paintImages(canvas: HTMLCanvasElement, tensor: Tensor, shape: ImageShape): void {
  const { width, height, colors } = pixelsOf(tensor, shape);
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d")?.putImageData(new ImageData(colors, width, height), 0, 0);
}
