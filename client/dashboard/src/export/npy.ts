// Arrays as NumPy's .npy files of version 1, little-endian and in C order.
// The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

export type NumberArray = Float32Array | Float64Array | Int32Array;

const alignment = 64;

function kindOf(values: NumberArray): string {
  if (values instanceof Float32Array) return "<f4";
  return values instanceof Float64Array ? "<f8" : "<i4";
}

export function npy(values: NumberArray, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${kindOf(values)}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const magic = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0];
  const before = magic.length + 2;
  const length = Math.ceil((before + text.length + 1) / alignment) * alignment - before;
  const header = new TextEncoder().encode(`${text.padEnd(length - 1)}\n`);
  const file = new Uint8Array(before + length + values.byteLength);
  file.set(magic, 0);
  new DataView(file.buffer).setUint16(magic.length, length, true);
  file.set(header, before);
  file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), before + length);
  return file;
}
