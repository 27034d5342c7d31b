// One field of the form, with its default, its meaning and what the server has against it.
import { useSignal } from "@preact/signals";
import type { JsonValue } from "@bufbuild/protobuf";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Control } from "./fields";
import type { Draft } from "./draft";
import { valueAt } from "./json_path";

export interface FieldProperties {
  readonly draft: Draft;
  readonly path: string;
  readonly name: string;
  readonly control: Control;
  readonly values?: readonly string[];
  readonly excluded?: readonly string[];
  // What counts where it is left out; empty where it is required.
  readonly fallback?: string;
  readonly help?: string;
}

export function idOf(path: string): string {
  return `field-${path.replace(/[^A-Za-z0-9]+/g, "-")}`;
}

// Label, control, meaning and messages, tied together for those who do not see them side by side.
export function Labelled(properties: FieldProperties & { readonly children: ComponentChildren; readonly own?: string }) {
  const { draft, path, name, help, own, children } = properties;
  const id = idOf(path);
  const messages = [...new Set(draft.violationsAt(path).map((violation) => violation.description))];
  // The formula's own check says the same as that of the job, and sooner.
  if (own !== undefined && own !== "") messages.splice(0, messages.length, own, ...messages.filter((message) => !own.includes(message)));
  return (
    <div class={`field ${messages.length > 0 ? "wrong" : ""}`}>
      <label for={id}>{name}</label>
      {children}
      {help !== undefined && help !== "" && (
        <p class="faint" id={`${id}-help`}>
          {help}
        </p>
      )}
      <p class="problem" id={`${id}-problem`} role="alert">
        {messages.join("; ")}
      </p>
    </div>
  );
}

export function describedBy(path: string): string {
  return `${idOf(path)}-help ${idOf(path)}-problem`;
}

function write(value: JsonValue | undefined, control: Control): string {
  if (value === undefined || value === null) return "";
  if (control === "vector" && Array.isArray(value)) return value.join(", ");
  if (control === "matrix") return write(typeof value === "object" && !Array.isArray(value) ? value["values"] : undefined, "vector");
  if (control === "json") return JSON.stringify(value, null, 2);
  return String(value);
}

class Unreadable extends Error {}

function numbers(text: string): number[] {
  const list = text.split(/[\s,;]+/).filter((part) => part !== "");
  return list.map((part) => {
    const value = Number(part);
    if (!Number.isFinite(value)) throw new Unreadable(`“${part}” is no number`);
    return value;
  });
}

// The text as a value of the file; undefined where it is empty. Throws Unreadable.
function read(text: string, control: Control): JsonValue | undefined {
  if (text.trim() === "") return undefined;
  switch (control) {
    case "number":
    case "integer": {
      const [value, ...more] = numbers(text);
      if (value === undefined || more.length > 0) throw new Unreadable("one number, please");
      if (Number.isSafeInteger(value) || control === "number") return value;
      // Large integers travel as text, which holds every digit; 1e19 is none in the contract.
      return Number.isInteger(value) && /e/i.test(text) ? String(BigInt(value)) : text.trim();
    }
    case "vector":
      return numbers(text);
    case "matrix":
      return { values: numbers(text) };
    case "json":
      try {
        return JSON.parse(text) as JsonValue;
      } catch (error) {
        throw new Unreadable(`not JSON yet: ${error instanceof Error ? error.message : ""}`);
      }
    default:
      return text;
  }
}

// Text that stands for a value. What cannot be read stays in the field, with the reason, and the file keeps its last value.
export function useText(draft: Draft, path: string, control: Control, excluded: readonly string[]) {
  const value = valueAt(draft.file.value, path);
  const written = write(value, control);
  const text = useSignal(written);
  const problem = useSignal("");
  const last = useRef(written);
  useEffect(() => {
    // Another hand changed the file; what is being typed here is left alone.
    if (written === last.current) return;
    last.current = written;
    text.value = written;
    problem.value = "";
  }, [written]);
  const onInput = (event: Event) => {
    text.value = (event.currentTarget as HTMLInputElement | HTMLTextAreaElement).value;
    try {
      const next = read(text.value, control);
      problem.value = "";
      last.current = write(next, control);
      draft.set(path, next, excluded);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      problem.value = error.message;
    }
  };
  return { text, problem, onInput };
}

export function TextField(properties: FieldProperties) {
  const { draft, path, control, fallback = "" } = properties;
  const { text, problem, onInput } = useText(draft, path, control, properties.excluded ?? []);
  const wrong = problem.value !== "" || draft.violationsAt(path).length > 0;
  const common = {
    id: idOf(path),
    value: text.value,
    onInput,
    placeholder: fallback === "" ? "required" : fallback,
    "aria-invalid": wrong,
    "aria-describedby": describedBy(path),
    spellcheck: false,
  };
  const kind = control === "number" || control === "integer" ? "figures" : "";
  return (
    <Labelled {...properties} own={problem.value}>
      {control === "json" || control === "source" ? (
        <textarea rows={6} {...common} />
      ) : (
        <input type="text" {...common} class={kind} {...(control === "dataset" ? { list: "datasets" } : {})} autocomplete="off" />
      )}
    </Labelled>
  );
}

export function ChoiceField(properties: FieldProperties) {
  const { draft, path, control, values = [], excluded = [], fallback = "" } = properties;
  const value = valueAt(draft.file.value, path);
  const choices = control === "flag" ? ["true", "false"] : values;
  const choose = (text: string) => {
    const next = text === "" ? undefined : control === "flag" ? text === "true" : text;
    draft.set(path, next, excluded);
  };
  return (
    <Labelled {...properties}>
      <select
        id={idOf(path)}
        value={value === undefined ? "" : String(value)}
        onChange={(event) => choose(event.currentTarget.value)}
        aria-describedby={describedBy(path)}
      >
        <option value="">default{fallback === "" ? "" : `: ${fallback}`}</option>
        {choices.map((choice) => (
          <option key={choice} value={choice}>
            {choice}
          </option>
        ))}
      </select>
    </Labelled>
  );
}
