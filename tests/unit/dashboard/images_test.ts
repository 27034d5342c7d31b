// Pixels of samples that are images.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pixelsOf } from "../../../client/dashboard/src/points/image_pixels.ts";

test("an image of three channels is drawn in colour, its planes one after the other", () => {
  // Two images of 1 by 2: red and green; then blue and a half of all light.
  const first = [1, 0, 0, 1, 0, 0];
  const second = [0, 0.5, 0, 0.5, 1, 0.5];
  const tensor = { shape: [2, 6], values: Float32Array.from([...first, ...second]) };
  const { width, height, colors } = pixelsOf(tensor, { channels: 3, height: 1, width: 2 });
  assert.deepEqual([width, height], [5, 1]);
  // 127.5 is rounded to the even neighbour.
  const nothing = [0, 0, 0, 0];
  assert.deepEqual([...colors], [255, 0, 0, 255, 0, 255, 0, 255, ...nothing, 0, 0, 255, 255, 128, 128, 128, 255]);
});

test("an image of one channel is drawn in shades of grey, from its lowest value to its highest", () => {
  const tensor = { shape: [1, 4], values: Float32Array.of(-1, 1, 1, -1) };
  const { width, height, colors } = pixelsOf(tensor, { channels: 1, height: 2, width: 2 });
  assert.deepEqual([width, height], [2, 2]);
  assert.deepEqual([...colors], [0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 255]);
});
