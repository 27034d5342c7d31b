import { figure } from "../words";

const width = 96;
const height = 22;
const margin = 2;

// The course of the energy, lowest to highest. The table's energy column says the same in figures.
export function Sparkline({ values }: { readonly values: readonly number[] }) {
  const finite = values.filter(Number.isFinite);
  if (finite.length < 2) return <span class="faint">–</span>;
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const x = (i: number) => margin + (i / (finite.length - 1)) * (width - 2 * margin);
  const y = (value: number) => (high > low ? height - margin - ((value - low) / (high - low)) * (height - 2 * margin) : height / 2);
  const points = finite.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const last = finite[finite.length - 1] ?? 0;
  const label = `energy from ${figure(finite[0] ?? 0)} to ${figure(last)} over ${finite.length} steps`;
  return (
    <svg class="sparkline" width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      <polyline points={points} />
      <circle cx={x(finite.length - 1)} cy={y(last)} r="2.2" />
    </svg>
  );
}
