// The part of gifenc that is used here; it brings no types of its own.
declare module "gifenc" {
  type Palette = readonly (readonly number[])[];
  interface Encoder {
    writeFrame(index: Uint8Array, width: number, height: number, options: { readonly palette: Palette; readonly delay: number }): void;
    finish(): void;
    bytes(): Uint8Array;
  }
  export function GIFEncoder(): Encoder;
  export function quantize(rgba: Uint8ClampedArray, maxColors: number): Palette;
  export function applyPalette(rgba: Uint8ClampedArray, palette: Palette): Uint8Array;
}
