// A long course in few points: of each column of pixels the first, lowest, highest and last value, so that none of them is ever hidden.

export interface Course {
  // Ascending.
  readonly x: readonly number[];
  readonly y: readonly number[];
}

export interface Place {
  readonly x: number;
  readonly y: number;
}

// `column` says in which column of pixels an x lies. Values that cannot be drawn are gaps: they end a run, and the next value begins one.
export function envelope(course: Course, column: (x: number) => number, drawable: (y: number) => boolean): Place[][] {
  const runs: Place[][] = [];
  let run: Place[] = [];
  let bucket: Place[] = [];
  let bucketColumn = Number.NaN;
  const closeBucket = () => {
    run.push(...extremes(bucket));
    bucket = [];
  };
  course.x.forEach((x, i) => {
    const y = course.y[i] ?? Number.NaN;
    if (!drawable(y)) {
      closeBucket();
      if (run.length > 0) runs.push(run);
      run = [];
      return;
    }
    const at = column(x);
    if (at !== bucketColumn) closeBucket();
    bucketColumn = at;
    bucket.push({ x, y });
  });
  closeBucket();
  if (run.length > 0) runs.push(run);
  return runs;
}

function extremes(bucket: readonly Place[]): readonly Place[] {
  if (bucket.length <= 4) return bucket;
  let lowest = 0;
  let highest = 0;
  bucket.forEach((place, i) => {
    if (place.y < (bucket[lowest]?.y ?? 0)) lowest = i;
    if (place.y > (bucket[highest]?.y ?? 0)) highest = i;
  });
  const kept = [...new Set([0, lowest, highest, bucket.length - 1])].sort((a, b) => a - b);
  return kept.flatMap((i) => bucket[i] ?? []);
}
