// Laws about a centre of which a sphere and a mean are known. Files that import this one name its ending, since tests run them in Node as
// they are.
import type { Distribution } from "contract/sliceflow/v1/distribution_pb";
import type { FlowSpec } from "contract/sliceflow/v1/flow_pb";
import type { Tensor } from "../server/tensor";

export interface Sphere {
  readonly centre: readonly number[];
  readonly radius: number;
}

// A law as it is shown: its sphere over the points, and in the table the mean of |x − centre|^power.
export interface RoundLaw extends Sphere {
  readonly title: string;
  // What the sphere is of the law.
  readonly meaning: string;
  readonly power: 1 | 2;
  readonly mean: number;
}

// As seen in a plane: a disc in two dimensions or more, in one the interval about the first number.
export interface PlaneSphere {
  readonly centre: readonly [number, number];
  readonly radius: number;
}

// `given`, or zeros where it is left out.
export function vectorOf(given: readonly number[] | undefined, dimension: number): readonly number[] {
  return given?.length === dimension ? given : new Array<number>(dimension).fill(0);
}

// The centre of mass that the specification tells; that of a data set stands in the data set alone.
export function centreOf(spec: FlowSpec): readonly number[] | undefined {
  const d = spec.dimension;
  const kind: Distribution["kind"] | undefined = spec.initial?.kind;
  switch (kind?.case) {
    case undefined:
      return vectorOf([], d);
    case "gaussian":
      return vectorOf(kind.value.mean, d);
    case "dirac":
      return vectorOf(kind.value.point, d);
    case "ring":
      return vectorOf(kind.value.center, d);
    case "uniformBox": {
      const { lower, upper } = kind.value;
      const low = lower.length === d ? lower : new Array<number>(d).fill(-1);
      return low.map((value, i) => (value + (upper.length === d ? (upper[i] ?? 1) : 1)) / 2);
    }
    case "mixture": {
      const total = kind.value.components.reduce((sum, each) => sum + (each.weight ?? 1), 0);
      return vectorOf([], d).map((_, i) =>
        kind.value.components.reduce((sum, each) => sum + ((each.weight ?? 1) / total) * (vectorOf(each.mean, d)[i] ?? 0), 0),
      );
    }
    case "dataset":
      return undefined;
  }
}

// What the points say of a law: how far their mean is from its centre, and their mean of |x − centre|^power.
export function measure(tensor: Tensor, law: RoundLaw): { readonly offCentre: number; readonly mean: number } {
  const [count = 0, dimension = 0] = tensor.shape;
  const sums = new Float64Array(dimension);
  let total = 0;
  for (let row = 0; row < count; row += 1) {
    let squared = 0;
    for (let i = 0; i < dimension; i += 1) {
      const from = (tensor.values[row * dimension + i] ?? 0) - (law.centre[i] ?? 0);
      sums[i] = (sums[i] ?? 0) + from;
      squared += from * from;
    }
    total += law.power === 2 ? squared : Math.sqrt(squared);
  }
  return { offCentre: Math.hypot(...sums) / count, mean: total / count };
}
