// A formula of the user's own: what the server makes of it as it is typed.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { CheckExpressionRequest_Kind, type CheckExpressionResponse } from "contract/sliceflow/v1/server_service_pb";
import type { TensorChunk } from "contract/sliceflow/v1/tensor_pb";
import { serverService } from "../server/clients";
import { describe } from "../server/errors";
import { figure } from "../words";
import { describedBy, type FieldProperties, idOf, Labelled, useText } from "./field";

const checkAfterMs = 400;

export type Answer =
  | { readonly kind: "none" }
  | { readonly kind: "refused"; readonly text: string }
  | { readonly kind: "taken"; readonly answer: CheckExpressionResponse };

function useCheck(kind: CheckExpressionRequest_Kind, source: string, dimension: number) {
  const answer = useSignal<Answer>({ kind: "none" });
  const busy = useSignal(false);
  useEffect(() => {
    const stop = new AbortController();
    busy.value = source.trim() !== "";
    const timer = setTimeout(() => void check(), checkAfterMs);
    const check = async () => {
      if (source.trim() === "") {
        answer.value = { kind: "none" };
        return;
      }
      try {
        const taken = await serverService.checkExpression({ kind, source, dimension }, { signal: stop.signal });
        const { refusal } = taken;
        const line = refusal === undefined || refusal.line === 0 ? "" : `line ${refusal.line}: `;
        answer.value = refusal === undefined ? { kind: "taken", answer: taken } : { kind: "refused", text: line + refusal.reason };
      } catch (error) {
        if (stop.signal.aborted) return;
        answer.value = { kind: "refused", text: describe(error) };
      }
      busy.value = false;
    };
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [kind, source, dimension]);
  return { answer: answer.value, busy: busy.value };
}

function rowsOf(chunk: TensorChunk | undefined): number[][] {
  if (chunk === undefined) return [];
  const [count = 0, width = 1] = chunk.shape.map(Number);
  const view = new DataView(chunk.data.buffer, chunk.data.byteOffset, chunk.data.byteLength);
  return Array.from({ length: count }, (_, row) => Array.from({ length: width }, (__, i) => view.getFloat32(4 * (row * width + i), true)));
}

const maxShown = 6;

function vector(values: readonly number[] | undefined): string {
  if (values === undefined) return "–";
  const shown = values.slice(0, maxShown).map(figure).join(", ");
  return `(${shown}${values.length > maxShown ? ", …" : ""})`;
}

function Values({ answer, name }: { readonly answer: CheckExpressionResponse; readonly name: string }) {
  const points = rowsOf(answer.points);
  const values = rowsOf(answer.values);
  const gradients = rowsOf(answer.gradients);
  return (
    <table class="formula-values">
      <thead>
        <tr>
          <th scope="col">at</th>
          <th scope="col">{name}</th>
          <th scope="col">∇{name}</th>
        </tr>
      </thead>
      <tbody>
        {points.map((point, i) => (
          <tr key={i}>
            <th scope="row">{vector(point)}</th>
            <td>{figure(values[i]?.[0] ?? Number.NaN)}</td>
            <td>{vector(gradients[i])}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface Properties extends FieldProperties {
  // `potential`, whose formula is V, or `interaction`, whose formula is W.
  readonly use: "potential" | "interaction";
  readonly dimension: number;
}

export function FormulaField(properties: Properties) {
  const { draft, path, use, dimension } = properties;
  const { text, onInput } = useText(draft, path, "source", properties.excluded ?? []);
  const kind = use === "potential" ? CheckExpressionRequest_Kind.POTENTIAL : CheckExpressionRequest_Kind.INTERACTION;
  const name = use === "potential" ? "V" : "W";
  const { answer, busy } = useCheck(kind, text.value, dimension);
  return (
    <Labelled {...properties} own={answer.kind === "refused" ? `not taken: ${answer.text}` : ""}>
      <textarea
        id={idOf(path)}
        class="formula"
        rows={6}
        value={text.value}
        onInput={onInput}
        spellcheck={false}
        placeholder={`def ${name}(${use === "potential" ? "x" : "z"}):\n    return …`}
        aria-invalid={answer.kind === "refused"}
        aria-describedby={describedBy(path)}
      />
      <div role="status" class="formula-answer">
        {busy && <p class="faint">checking …</p>}
        {!busy && answer.kind === "taken" && <Values answer={answer.answer} name={name} />}
        {!busy && answer.kind === "taken" && !answer.answer.finite && <p class="warning">Not all values and gradients are finite.</p>}
      </div>
    </Labelled>
  );
}
