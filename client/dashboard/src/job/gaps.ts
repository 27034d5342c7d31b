// Runs of steps that are missing, from 0 to the last of `numbers`, which rise.
export function gapsOf(numbers: readonly number[]): readonly { readonly from: number; readonly to: number }[] {
  return numbers.flatMap((number, i) => {
    const from = i === 0 ? 0 : (numbers[i - 1] ?? 0) + 1;
    return number > from ? [{ from, to: number - 1 }] : [];
  });
}
