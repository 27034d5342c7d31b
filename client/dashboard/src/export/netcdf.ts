// NetCDF's classic format with 64-bit offsets (CDF-2), which every reader of NetCDF takes. Numbers are big-endian.
// The format: https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html

export type NetcdfType = "int" | "float" | "double";

export interface NetcdfVariable {
  readonly name: string;
  readonly type: NetcdfType;
  // Names of its dimensions, outermost first; none for a single number.
  readonly dimensions: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
}

export interface NetcdfFile {
  readonly dimensions: Readonly<Record<string, number>>;
  readonly attributes: Readonly<Record<string, string>>;
  // Their values lie one after the other in this order, each at a multiple of four bytes.
  readonly variables: readonly NetcdfVariable[];
}

const tags = { dimension: 10, variable: 11, attribute: 12 };
const typeNumbers = { char: 2, int: 4, float: 5, double: 6 };
const sizes = { int: 4, float: 4, double: 8 };
const writers = {
  int: (view: DataView, at: number, value: number) => view.setInt32(at, value),
  float: (view: DataView, at: number, value: number) => view.setFloat32(at, value),
  double: (view: DataView, at: number, value: number) => view.setFloat64(at, value),
};
// A variable's size is told by 32 bits.
const mostBytes = 2 ** 31 - 4;

class Writer {
  readonly bytes: number[] = [];

  int(value: number): void {
    this.bytes.push((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
  }

  long(value: number): void {
    this.int(Math.floor(value / 2 ** 32));
    this.int(value % 2 ** 32);
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.int(bytes.length);
    this.bytes.push(...bytes, ...new Array<number>((4 - (bytes.length % 4)) % 4).fill(0));
  }

  // A list that may be empty begins with its tag and length, or with two zeros.
  list<T>(tag: number, items: readonly T[], write: (item: T) => void): void {
    this.int(items.length === 0 ? 0 : tag);
    this.int(items.length);
    for (const item of items) write(item);
  }

  attributes(attributes: Readonly<Record<string, string>>): void {
    this.list(tags.attribute, Object.entries(attributes), ([name, value]) => {
      this.text(name);
      this.int(typeNumbers.char);
      this.text(value);
    });
  }
}

function bytesOf(variable: NetcdfVariable, dimensions: Readonly<Record<string, number>>): number {
  const count = variable.dimensions.reduce((product, name) => product * (dimensions[name] ?? 0), 1);
  const bytes = Math.ceil((count * sizes[variable.type]) / 4) * 4;
  if (bytes > mostBytes) throw new Error(`${variable.name} has ${bytes} bytes; NetCDF's classic format holds ${mostBytes} in a variable`);
  return bytes;
}

function header(file: NetcdfFile, begin: number): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.bytes.push(0x43, 0x44, 0x46, 2);
  writer.int(0);
  const names = Object.keys(file.dimensions);
  writer.list(tags.dimension, names, (name) => {
    writer.text(name);
    writer.int(file.dimensions[name] ?? 0);
  });
  writer.attributes(file.attributes);
  let offset = begin;
  writer.list(tags.variable, file.variables, (variable) => {
    const bytes = bytesOf(variable, file.dimensions);
    writer.text(variable.name);
    writer.int(variable.dimensions.length);
    for (const name of variable.dimensions) writer.int(names.indexOf(name));
    writer.attributes(variable.attributes);
    writer.int(typeNumbers[variable.type]);
    writer.int(bytes);
    writer.long(offset);
    offset += bytes;
  });
  return Uint8Array.from(writer.bytes);
}

// All that comes before the values.
export function netcdfHeader(file: NetcdfFile): Uint8Array<ArrayBuffer> {
  // Offsets are of one width whatever they are, so the header's length is known once it was written.
  return header(file, header(file, 0).length);
}

// Values of a variable, or the next part of them.
export function netcdfValues(type: NetcdfType, values: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.length * sizes[type]);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i += 1) writers[type](view, i * sizes[type], values[i] ?? 0);
  return bytes;
}
