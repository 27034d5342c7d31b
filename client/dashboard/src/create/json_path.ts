// Places in a job file: `spec.functional.terms[1].weight`.
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

type Part = string | number;

function parts(path: string): Part[] {
  return [...path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map((match) => (match[2] === undefined ? (match[1] ?? "") : Number(match[2])));
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function child(value: JsonValue | undefined, part: Part): JsonValue | undefined {
  if (typeof part === "number") return Array.isArray(value) ? value[part] : undefined;
  return isObject(value) ? value[part] : undefined;
}

export function valueAt(file: JsonValue, path: string): JsonValue | undefined {
  return parts(path).reduce<JsonValue | undefined>(child, file);
}

export function objectAt(file: JsonValue, path: string): JsonObject {
  const value = valueAt(file, path);
  return isObject(value) ? value : {};
}

// The file with another value at the path; undefined takes it out.
export function withValue(file: JsonObject, path: string, value: JsonValue | undefined): JsonObject {
  return replaced(file, parts(path), value) as JsonObject;
}

function replaced(file: JsonValue | undefined, path: readonly Part[], value: JsonValue | undefined): JsonValue | undefined {
  const [part, ...rest] = path;
  if (part === undefined) return value;
  const next = replaced(child(file, part), rest, value);
  if (typeof part === "number") {
    const list = Array.isArray(file) ? [...file] : [];
    if (next === undefined) list.splice(part, 1);
    else list[part] = next;
    return list;
  }
  const object: JsonObject = { ...(isObject(file) ? file : {}) };
  if (next === undefined) delete object[part];
  else object[part] = next;
  return object;
}
