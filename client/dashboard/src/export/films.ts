// Pictures of several steps in one file.
import { applyPalette, GIFEncoder, quantize } from "gifenc";
import type { Step } from "../job/flow";
import type { Work } from "./arrays";
import { Painter, spread, type View } from "./painter";
import { readSamples } from "./samples";

const stripSize = { width: 320, height: 320 };
const stripColumns = 4;
const filmSize = { width: 480, height: 480 };
const maxFrames = 150;
const frameMs = 100;
const lastFrameMs = 1500;
const colors = 64;

async function eachFrame(
  job: string,
  steps: readonly Step[],
  painter: Painter,
  { stop, onProgress }: Work,
  onFrame: (frame: HTMLCanvasElement, i: number) => void,
): Promise<void> {
  for (const [i, step] of steps.entries()) {
    const frames: Promise<HTMLCanvasElement>[] = [];
    await readSamples(job, [step], stop, (_, samples) => frames.push(painter.frame(step, samples)));
    const [frame] = await Promise.all(frames);
    stop.throwIfAborted();
    if (frame !== undefined) onFrame(frame, i);
    onProgress(i + 1, steps.length);
  }
}

export async function pngOf(canvas: HTMLCanvasElement): Promise<Blob> {
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (blob === null) throw new Error("this browser makes no PNG of a picture of this size");
  return blob;
}

// So many steps side by side in one picture.
export async function filmStripOf(job: string, steps: readonly Step[], count: number, view: View, work: Work): Promise<Blob> {
  const chosen = spread(steps, count);
  const columns = Math.min(stripColumns, chosen.length);
  const painter = new Painter(view, stripSize, 2);
  const strip = document.createElement("canvas");
  try {
    await eachFrame(job, chosen, painter, work, (frame, i) => {
      if (i === 0) {
        strip.width = columns * frame.width;
        strip.height = Math.ceil(chosen.length / columns) * frame.height;
      }
      strip.getContext("2d")?.drawImage(frame, (i % columns) * frame.width, Math.floor(i / columns) * frame.height);
    });
  } finally {
    painter.close();
  }
  return await pngOf(strip);
}

// The flow as a film that any browser, mail and slide shows.
export async function gifOf(job: string, steps: readonly Step[], view: View, work: Work): Promise<Blob> {
  const chosen = spread(steps, maxFrames);
  const painter = new Painter(view, filmSize, 1);
  const gif = GIFEncoder();
  try {
    await eachFrame(job, chosen, painter, work, (frame, i) => {
      const image = frame.getContext("2d")?.getImageData(0, 0, frame.width, frame.height);
      if (image === undefined) return;
      const palette = quantize(image.data, colors);
      const delay = i === chosen.length - 1 ? lastFrameMs : frameMs;
      gif.writeFrame(applyPalette(image.data, palette), frame.width, frame.height, { palette, delay });
    });
  } finally {
    painter.close();
  }
  gif.finish();
  return new Blob([gif.bytes() as Uint8Array<ArrayBuffer>], { type: "image/gif" });
}
