// Round numbers for an axis.

// `whole` keeps to integers, for what is counted.
export function ticks(low: number, high: number, about: number, whole = false): number[] {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return Number.isFinite(low) ? [low] : [];
  const rough = span / about;
  const power = 10 ** Math.floor(Math.log10(whole ? Math.max(1, rough) : rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? 10 * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const all = Array.from({ length: Math.max(0, Math.min(50, last - first + 1)) }, (_, i) => Number(((first + i) * step).toPrecision(15)));
  return [...new Set(all)];
}

// Powers of ten, or of two between them where they are few.
export function logTicks(low: number, high: number): number[] {
  const from = Math.floor(Math.log10(low));
  const to = Math.ceil(Math.log10(high));
  const every = Math.max(1, Math.ceil((to - from) / 6));
  const factors = to - from <= 2 ? [1, 2, 5] : [1];
  const all: number[] = [];
  for (let power = from; power <= to; power += every) for (const factor of factors) all.push(Number((factor * 10 ** power).toPrecision(3)));
  const inside = all.filter((value) => value >= low * 0.999 && value <= high * 1.001);
  return inside.length >= 2 ? inside : ticks(low, high, 4);
}

const longestPlain = 7;

// What is written at ascending ticks: with so many digits that they are told apart, and with powers of ten where those are shorter.
export function tickTexts(values: readonly number[]): string[] {
  const gaps = values.slice(1).map((value, i) => value - (values[i] ?? 0));
  const least = Math.min(...gaps, ...values.map(Math.abs).filter((value) => value > 0));
  // One that stands alone has nothing to be told from.
  const decimals = gaps.length > 0 && least > 0 ? Math.min(100, Math.max(0, Math.ceil(-Math.log10(least)))) : undefined;
  const rounded = values.map((value) => Number(decimals === undefined ? value.toPrecision(6) : value.toFixed(decimals)));
  const plain = rounded.map(String);
  if (longest(plain) <= longestPlain) return plain;
  const powers = rounded.map((value) => value.toExponential().replace("e+", "e").replace(/e0$/, ""));
  return longest(powers) < longest(plain) ? powers : plain;
}

export function longest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map((text) => text.length));
}
