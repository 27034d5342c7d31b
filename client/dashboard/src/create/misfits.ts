// What in a job file is not of the contract's types, by field and in the user's words. Protobuf's own reader tells the first of them alone, in
// words of its own, and the server does not get to see such a file.
import { type DescEnum, type DescField, type DescMessage, type JsonValue, ScalarType } from "@bufbuild/protobuf";
import type { Violation } from "../server/errors";

// Least and most that the server takes of a whole number, by the field's path, where that is less than its type holds.
export type Bounds = ReadonlyMap<string, readonly [number, number]>;

const integers: Readonly<Partial<Record<ScalarType, readonly [bigint, bigint]>>> = {
  [ScalarType.INT32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.UINT32]: [0n, 2n ** 32n - 1n],
  [ScalarType.INT64]: [-(2n ** 63n), 2n ** 63n - 1n],
  [ScalarType.UINT64]: [0n, 2n ** 64n - 1n],
};
const mostShown = 40;

export function misfitsOf(message: DescMessage, file: JsonValue, bounds: Bounds, path = ""): Violation[] {
  if (file === null || message.typeName.startsWith("google.protobuf.")) return [];
  if (typeof file !== "object" || Array.isArray(file)) return told(path, `must be fields in braces, is ${shown(file)}`);
  const below = (key: string) => (path === "" ? key : `${path}.${key}`);
  const fieldOf = (key: string) => message.fields.find((field) => field.jsonName === key || field.name === key);
  return Object.entries(file).flatMap(([key, value]) => {
    const field = fieldOf(key);
    if (field === undefined)
      return told(below(key), `is no field here; there are ${message.fields.map((each) => each.jsonName).join(", ")}`);
    const rival = field.oneof?.fields.find((other) => other !== field && [other.jsonName, other.name].some((name) => name in file));
    if (rival !== undefined) return told(below(key), `is set beside ${rival.jsonName}: only one of them can be`);
    return ofField(field, value, bounds, below(key));
  });
}

function told(field: string, description: string): Violation[] {
  return [{ field, description }];
}

function ofField(field: DescField, value: JsonValue, bounds: Bounds, path: string): Violation[] {
  if (value === null) return [];
  switch (field.fieldKind) {
    case "scalar":
      return ofScalar(field.scalar, value, bounds, path);
    case "enum":
      return ofEnum(field.enum, value, path);
    case "message":
      return misfitsOf(field.message, value, bounds, path);
    case "list":
      return ofList(field, value, bounds, path);
    default:
      return ofMap(field, value, bounds, path);
  }
}

function ofList(field: DescField & { readonly fieldKind: "list" }, list: JsonValue, bounds: Bounds, path: string): Violation[] {
  if (!Array.isArray(list)) return told(path, `must be a list in brackets, is ${shown(list)}`);
  return list.flatMap((value, i) => {
    const at = `${path}[${i}]`;
    if (value === null) return told(at, "must not be null");
    if (field.listKind === "scalar") return ofScalar(field.scalar, value, bounds, at);
    return field.listKind === "enum" ? ofEnum(field.enum, value, at) : misfitsOf(field.message, value, bounds, at);
  });
}

function ofMap(field: DescField & { readonly fieldKind: "map" }, map: JsonValue, bounds: Bounds, path: string): Violation[] {
  if (map === null || typeof map !== "object" || Array.isArray(map))
    return told(path, `must be names with values in braces, is ${shown(map)}`);
  return Object.entries(map).flatMap(([key, value]) => {
    const at = `${path}.${key}`;
    if (value === null) return told(at, "must not be null");
    return field.mapKind === "scalar" ? ofScalar(field.scalar, value, bounds, at) : [];
  });
}

function ofEnum(kind: DescEnum, value: JsonValue, path: string): Violation[] {
  if (Number.isInteger(value) || kind.values.some((each) => each.name === value)) return [];
  const names = kind.values.filter((each) => each.number !== 0).map((each) => each.name);
  return told(path, `must be one of ${names.join(", ")}, is ${shown(value)}`);
}

function ofScalar(type: ScalarType, value: JsonValue, bounds: Bounds, path: string): Violation[] {
  const ends = integers[type];
  if (ends !== undefined) return ofInteger(ends, value, bounds, path);
  if (type === ScalarType.BOOL && typeof value !== "boolean") return told(path, `must be true or false, is ${shown(value)}`);
  if (type === ScalarType.STRING && typeof value !== "string") return told(path, `must be a text in quotes, is ${shown(value)}`);
  if (type === ScalarType.DOUBLE && !isNumber(value)) return told(path, `must be a number, is ${shown(value)}`);
  return [];
}

function isNumber(value: JsonValue): boolean {
  if (typeof value === "number") return true;
  return typeof value === "string" && value.trim() !== "" && (Number.isFinite(Number(value)) || /^(NaN|-?Infinity)$/.test(value));
}

function ofInteger(ends: readonly [bigint, bigint], value: JsonValue, bounds: Bounds, path: string): Violation[] {
  const [low, high] = bounds.get(path) ?? ends;
  const whole = wholeOf(value);
  // What its type holds and the server's own bounds do not is the server's to tell.
  if (whole !== undefined && whole >= ends[0] && whole <= ends[1]) return [];
  return told(path, `must be a whole number between ${low} and ${high}, is ${shown(value)}`);
}

// In digits alone where it is text; undefined where it is no whole number.
function wholeOf(value: JsonValue): bigint | undefined {
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : undefined;
  return typeof value === "string" && /^-?\d+$/.test(value) ? BigInt(value) : undefined;
}

function shown(value: JsonValue): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > mostShown ? `${text.slice(0, mostShown)}…` : text;
}
