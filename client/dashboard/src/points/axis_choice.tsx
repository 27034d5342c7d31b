// Which coordinates are across and up.
import { remember } from "../link";

const maxChoices = 64;

const subscript = (axis: number) => String(axis + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)] ?? digit);
export const axisName = (axis: number) => `x${subscript(axis)}`;

interface Properties {
  readonly word: string;
  // Its name in the address.
  readonly parameter: "x" | "y";
  readonly value: number;
  readonly dimension: number;
}

export function AxisChoice({ word, parameter, value, dimension }: Properties) {
  const choose = (text: string) => remember({ [parameter]: text, camera: "", rows: "" });
  return (
    <label>
      {word}
      {dimension <= maxChoices ? (
        <select value={String(value + 1)} onChange={(event) => choose(event.currentTarget.value)}>
          {Array.from({ length: dimension }, (_, axis) => (
            <option key={axis} value={String(axis + 1)}>
              {axisName(axis)}
            </option>
          ))}
        </select>
      ) : (
        <input type="number" min={1} max={dimension} value={value + 1} onChange={(event) => choose(event.currentTarget.value)} />
      )}
    </label>
  );
}

export function readAxis(text: string | undefined, fallback: number, dimension: number): number {
  const axis = Number(text) - 1;
  return Number.isInteger(axis) && axis >= 0 && axis < dimension ? axis : Math.min(fallback, dimension - 1);
}
