// Places on a clock, in ascending order.

// Times that were added up in different orders, or came out of an address, differ by their last digits.
const sameWithin = 1e-7;

function tolerance(value: number): number {
  return sameWithin * Math.max(1e-12, Math.abs(value));
}

// All places in order, each once.
export function merged(places: readonly (readonly number[])[]): number[] {
  const sorted = places.flat().sort((a, b) => a - b);
  return sorted.filter((place, i) => i === 0 || place > (sorted[i - 1] ?? 0) + tolerance(place));
}

// Where the last one up to a place is; 0 where none is.
export function indexUpTo(places: readonly number[], place: number): number {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((places[middle] ?? 0) <= place + tolerance(place)) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}
