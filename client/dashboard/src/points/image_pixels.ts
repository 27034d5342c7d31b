// The pixels of samples that are images.
import type { Tensor } from "../server/tensor";

export interface ImageShape {
  // 1, shades of grey, or 3, colours.
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

const columns = 10;
const maxImages = 100;

export function rangeOf(values: Float32Array): readonly [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low < high ? [low, high] : [low - 0.5, low + 0.5];
}

export function shownOf(tensor: Tensor | undefined): number {
  return Math.min(maxImages, tensor?.shape[0] ?? 0);
}

export function firstImages(tensor: Tensor, shape: ImageShape): Float32Array {
  return tensor.values.subarray(0, shownOf(tensor) * shape.channels * shape.height * shape.width);
}

export interface Pixels {
  readonly width: number;
  readonly height: number;
  // Red, green, blue and opacity of every pixel, row by row.
  readonly colors: Uint8ClampedArray<ArrayBuffer>;
}

// One pixel a value, and one between images. Colours lie one plane after the other, as the model has them.
export function pixelsOf(tensor: Tensor, shape: ImageShape): Pixels {
  const count = shownOf(tensor);
  const values = firstImages(tensor, shape);
  const [low, high] = rangeOf(values);
  const width = Math.max(1, Math.min(columns, count) * (shape.width + 1) - 1);
  const height = Math.max(1, Math.ceil(count / columns) * (shape.height + 1) - 1);
  const colors = new Uint8ClampedArray(4 * width * height);
  const plane = shape.height * shape.width;
  const level = (number: number, channel: number, pixel: number) =>
    (255 * ((values[(number * shape.channels + channel) * plane + pixel] ?? 0) - low)) / (high - low);
  for (let number = 0; number < count; number += 1) {
    for (let pixel = 0; pixel < plane; pixel += 1) {
      const x = (number % columns) * (shape.width + 1) + (pixel % shape.width);
      const y = Math.floor(number / columns) * (shape.height + 1) + Math.floor(pixel / shape.width);
      const red = level(number, 0, pixel);
      const colored = shape.channels === 3 ? [red, level(number, 1, pixel), level(number, 2, pixel)] : [red, red, red];
      colors.set([...colored, 255], 4 * (y * width + x));
    }
  }
  return { width, height, colors };
}
