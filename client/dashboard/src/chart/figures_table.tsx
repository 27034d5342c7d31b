import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { figure } from "../words";
import type { Series } from "./chart";

const rowsAtOnce = 50;

// Every place that any of them has, in order.
function placesIn(series: readonly Series[]): readonly number[] {
  return [...new Set(series.flatMap((each) => each.course.x))].sort((a, b) => a - b);
}

// The same figures as the picture, for those who read rather than look. Opened, it shows one page of rows at a time.
export function FiguresTable({
  title,
  xName,
  series,
}: {
  readonly title: string;
  readonly xName: string;
  readonly series: readonly Series[];
}) {
  const open = useSignal(false);
  const first = useSignal(0);
  const xs = useMemo(() => (open.value ? placesIn(series) : []), [series, open.value]);
  const begin = Math.min(first.value, Math.max(0, xs.length - 1));
  const rows = xs.slice(begin, begin + rowsAtOnce);
  const columns = open.value ? series.map((each) => new Map(each.course.x.map((x, i) => [x, each.course.y[i]]))) : [];
  return (
    <details class="figures-table" onToggle={(event) => (open.value = event.currentTarget.open)}>
      <summary>
        Table<span class="unseen"> of {title}</span>
      </summary>
      {open.value && (
        <>
          <div class="scroll" role="region" tabIndex={0} aria-label={`Table of ${title}`}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{xName}</th>
                  {series.map((each) => (
                    <th scope="col" key={each.name}>
                      {each.name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((x) => (
                  <tr key={x}>
                    <th scope="row">{figure(x)}</th>
                    {columns.map((column, i) => {
                      const value = column.get(x);
                      return <td key={series[i]?.name}>{value === undefined ? "–" : figure(value)}</td>;
                    })}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {xs.length > rowsAtOnce && (
            <div class="buttons">
              <button type="button" class="small" disabled={begin === 0} onClick={() => (first.value = Math.max(0, begin - rowsAtOnce))}>
                Rows before
              </button>
              <span class="faint">
                {begin + 1}–{Math.min(begin + rowsAtOnce, xs.length)} of {xs.length}
              </span>
              <button
                type="button"
                class="small"
                disabled={begin + rowsAtOnce >= xs.length}
                onClick={() => (first.value = begin + rowsAtOnce)}
              >
                Rows after
              </button>
            </div>
          )}
        </>
      )}
    </details>
  );
}
