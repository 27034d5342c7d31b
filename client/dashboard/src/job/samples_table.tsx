import { useSignal } from "@preact/signals";
import type { Tensor } from "../server/tensor";
import { figure } from "../words";

const rowsAtOnce = 25;
const maxColumns = 12;

// The points in figures: a page of rows, and of each coordinate mean and deviation.
export function SamplesTable({ tensor, step }: { readonly tensor: Tensor | undefined; readonly step: number }) {
  const open = useSignal(false);
  const first = useSignal(0);
  return (
    <details class="figures-table" onToggle={(event) => (open.value = event.currentTarget.open)}>
      <summary>
        Table<span class="unseen"> of the points</span>
      </summary>
      {open.value && tensor === undefined && <p>No points of step {step} are here.</p>}
      {open.value && tensor !== undefined && <Rows tensor={tensor} begin={first.value} onBegin={(begin) => (first.value = begin)} />}
    </details>
  );
}

function momentsOf(tensor: Tensor, column: number): { readonly mean: number; readonly deviation: number } {
  const [count = 0, dimension = 0] = tensor.shape;
  let sum = 0;
  for (let row = 0; row < count; row += 1) sum += tensor.values[row * dimension + column] ?? 0;
  const mean = sum / count;
  let squares = 0;
  for (let row = 0; row < count; row += 1) squares += ((tensor.values[row * dimension + column] ?? 0) - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / Math.max(1, count - 1)) };
}

function Rows({ tensor, begin, onBegin }: { readonly tensor: Tensor; readonly begin: number; readonly onBegin: (begin: number) => void }) {
  const [count = 0, dimension = 0] = tensor.shape;
  const start = Math.min(begin, Math.max(0, count - 1));
  const rows = Array.from({ length: Math.min(rowsAtOnce, count - start) }, (_, i) => start + i);
  const columns = Array.from({ length: Math.min(maxColumns, dimension) }, (_, i) => i);
  const moments = columns.map((column) => momentsOf(tensor, column));
  return (
    <>
      <div class="scroll" role="region" tabIndex={0} aria-label="Table of the points">
        <table>
          <thead>
            <tr>
              <th scope="col">row</th>
              {columns.map((column) => (
                <th scope="col" key={column}>
                  x{column + 1}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">mean</th>
              {moments.map(({ mean }, i) => (
                <td key={i}>{figure(mean)}</td>
              ))}
            </tr>
            <tr>
              <th scope="row">deviation</th>
              {moments.map(({ deviation }, i) => (
                <td key={i}>{figure(deviation)}</td>
              ))}
            </tr>
            {rows.map((row) => (
              <tr key={row}>
                <th scope="row">{row}</th>
                {columns.map((column) => (
                  <td key={column}>{figure(tensor.values[row * dimension + column] ?? Number.NaN)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="buttons">
        <button type="button" class="small" disabled={start === 0} onClick={() => onBegin(Math.max(0, start - rowsAtOnce))}>
          Rows before
        </button>
        <span class="faint">
          rows {start} to {start + rows.length - 1} of {count}
          {dimension > maxColumns ? `, the first ${maxColumns} of ${dimension} coordinates` : ""}
        </span>
        <button type="button" class="small" disabled={start + rowsAtOnce >= count} onClick={() => onBegin(start + rowsAtOnce)}>
          Rows after
        </button>
      </div>
    </>
  );
}
