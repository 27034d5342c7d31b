// Where in the contract a parameter that the server names lives, and of which type it is.
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

export type Control = "number" | "integer" | "text" | "flag" | "choice" | "vector" | "matrix" | "source" | "dataset" | "json";

export interface Place {
  // Below the message that was asked about, such as `interaction.randomPairs`.
  readonly path: string;
  readonly control: Control;
  // Of a choice.
  readonly values: readonly string[];
  // Paths that exclude it: other members of the oneofs on its way.
  readonly excluded: readonly string[];
}

function fieldOf(message: DescMessage, jsonName: string): DescField | undefined {
  return message.fields.find((field) => field.jsonName === jsonName);
}

interface Found {
  readonly message: DescMessage;
  readonly excluded: readonly string[];
}

// Goes down from a message by the names of fields.
function descend(message: DescMessage, names: readonly string[], prefix: string): Found | undefined {
  let found: Found = { message, excluded: [] };
  let path = prefix;
  for (const name of names) {
    const field = fieldOf(found.message, name);
    if (field?.message === undefined) return undefined;
    const siblings = field.oneof?.fields.filter((other) => other !== field).map((other) => `${path}${other.jsonName}`) ?? [];
    path += `${name}.`;
    found = { message: field.message, excluded: [...found.excluded, ...siblings] };
  }
  return found;
}

// A parameter of a kind lies in the kind's message or, where all kinds of a group share it, in one around it.
export function placeOf(root: DescMessage, kind: string, parameter: string): Place | undefined {
  const kindNames = kind.split(".");
  const names = parameter.split(".");
  const last = names.at(-1) ?? "";
  for (let depth = kindNames.length; depth >= 0; depth -= 1) {
    const outer = kindNames.slice(0, depth);
    const prefix = outer.map((name) => `${name}.`).join("");
    const around = descend(root, outer, "");
    const inner = around === undefined ? undefined : descend(around.message, names.slice(0, -1), prefix);
    const field = inner === undefined ? undefined : fieldOf(inner.message, last);
    if (field === undefined || inner === undefined) continue;
    return { path: `${prefix}${parameter}`, ...controlOf(field), excluded: inner.excluded };
  }
  return undefined;
}

export function controlOf(field: DescField): { readonly control: Control; readonly values: readonly string[] } {
  const plain = (control: Control) => ({ control, values: [] });
  switch (field.fieldKind) {
    case "enum":
      return { control: "choice", values: field.enum.values.filter((value) => value.number !== 0).map((value) => value.name) };
    case "list":
      return plain(field.listKind === "scalar" && field.scalar === ScalarType.DOUBLE ? "vector" : "json");
    case "message":
      return plain(field.message.name === "Matrix" ? "matrix" : "json");
    case "scalar":
      return plain(ofScalar(field.scalar, field.jsonName));
    default:
      return plain("json");
  }
}

function ofScalar(type: ScalarType, name: string): Control {
  if (type === ScalarType.BOOL) return "flag";
  if (type === ScalarType.DOUBLE) return "number";
  if (type === ScalarType.STRING) return name === "source" ? "source" : name === "dataset" ? "dataset" : "text";
  return "integer";
}
