// A kind of distribution, functional, model, solver or metric with its parameters, as the server lists them.
import type { DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Kind, Parameter } from "contract/sliceflow/v1/server_service_pb";
import type { Draft } from "./draft";
import { ChoiceField, describedBy, type FieldProperties, idOf, TextField } from "./field";
import { placeOf } from "./fields";
import { FormulaField } from "./formula_field";
import { objectAt, valueAt, withValue } from "./json_path";

// `potential.quadratic` → {potential: {quadratic: {}}}.
export function emptyKind(name: string): JsonObject {
  return name.split(".").reduceRight<JsonObject>((inner, part) => ({ [part]: inner }), {});
}

// The kind that a part of the file is of: the longest name that is there.
export function kindOf(part: JsonObject, kinds: readonly Kind[]): string {
  const there = kinds.map((kind) => kind.name).filter((name) => valueAt(part, name) !== undefined);
  return there.sort((a, b) => b.split(".").length - a.split(".").length)[0] ?? "";
}

interface ParameterProperties {
  readonly draft: Draft;
  // Of the part of the file that the message describes.
  readonly path: string;
  readonly message: DescMessage;
  readonly kind: string;
  readonly parameter: Parameter;
}

function ParameterField({ draft, path, message, kind, parameter }: ParameterProperties) {
  const place = placeOf(message, kind, parameter.name);
  if (place === undefined) return null;
  const properties: FieldProperties = {
    draft,
    path: `${path}.${place.path}`,
    name: parameter.name,
    control: place.control,
    values: place.values,
    excluded: place.excluded.map((excluded) => `${path}.${excluded}`),
    fallback: parameter.defaultValue,
    help: parameter.description,
  };
  const use = kind.split(".")[0];
  if (place.control === "source" && (use === "potential" || use === "interaction")) {
    return <FormulaField {...properties} use={use} dimension={draft.dimension.value} />;
  }
  if (place.control === "flag" || place.control === "choice") return <ChoiceField {...properties} />;
  return <TextField {...properties} />;
}

interface Properties {
  readonly draft: Draft;
  readonly path: string;
  readonly title: string;
  readonly message: DescMessage;
  readonly kinds: readonly Kind[];
  // What counts where none is chosen.
  readonly fallback: string;
  // Names of the part's fields that stay when another kind is chosen.
  readonly keeps?: readonly string[];
}

export function KindFields({ draft, path, title, message, kinds, fallback, keeps = [] }: Properties) {
  const part = objectAt(draft.file.value, path);
  const name = kindOf(part, kinds);
  const kind = kinds.find((each) => each.name === (name === "" ? fallback : name));
  const choose = (chosen: string) => {
    const kept = Object.fromEntries(Object.entries(part).filter(([key]) => keeps.includes(key)));
    const next: JsonValue | undefined =
      chosen === "" && keeps.length === 0 ? undefined : { ...kept, ...(chosen === "" ? {} : emptyKind(chosen)) };
    draft.set(path, next);
  };
  const own = draft.violations.value.filter((violation) => violation.field === path || violation.field === `${path}.${name}`);
  const chosen = `${path}.kind`;
  return (
    <>
      <div class="field">
        <label for={idOf(chosen)}>{title}</label>
        <select
          id={idOf(chosen)}
          value={name}
          onChange={(event) => choose(event.currentTarget.value)}
          aria-describedby={describedBy(chosen)}
        >
          {(fallback !== "" || name === "") && <option value="">{fallback === "" ? "choose one" : `default: ${fallback}`}</option>}
          {kinds.map((each) => (
            <option key={each.name} value={each.name}>
              {each.name}
            </option>
          ))}
        </select>
        <p class="faint" id={`${idOf(chosen)}-help`}>
          {kind?.description}
        </p>
        <p class="problem" id={`${idOf(chosen)}-problem`} role="alert">
          {own.map((violation) => violation.description).join("; ")}
        </p>
      </div>
      {kind?.parameters.map((parameter) => (
        <ParameterField
          key={`${kind.name}/${parameter.name}`}
          draft={draft}
          path={path}
          message={message}
          kind={kind.name}
          parameter={parameter}
        />
      ))}
    </>
  );
}

export function removed(list: JsonValue | undefined, index: number): JsonValue {
  return Array.isArray(list) ? list.filter((_, i) => i !== index) : [];
}

export function appended(file: JsonObject, path: string, value: JsonValue): JsonObject {
  const list = valueAt(file, path);
  return withValue(file, path, [...(Array.isArray(list) ? list : []), value]);
}
