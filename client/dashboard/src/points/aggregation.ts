// Attraction and repulsion that come to rest on a sphere.
import type { FlowSpec } from "contract/sliceflow/v1/flow_pb";
import { centreOf, type RoundLaw } from "./sphere.ts";

// Where the flow of |z|⁴/4 − |z|²/2 comes to rest. About the centre of mass its energy is ½ (½E|x|⁴ + ½(E|x|²)² + |M|² − E|x|²), M the matrix
// of second moments. E|x|⁴ ≥ (E|x|²)² and |M|² ≥ (E|x|²)²/d, both equal for the uniform law of a sphere, so it is least for laws on the
// sphere of radius² d/(2(d + 1)): 1/3 in the plane, ¼ on the line. The circle of the plane: Balagué et al. 2013.
export function aggregationLaw(spec: FlowSpec): RoundLaw | undefined {
  const [term, another] = spec.functional?.terms ?? [];
  if (another !== undefined || term?.kind.case !== "interaction" || !((term.weight ?? 1) > 0)) return undefined;
  const { kernel } = term.kind.value;
  if (kernel.case !== "powerLaw" || (kernel.value.attraction ?? 4) !== 4 || (kernel.value.repulsion ?? 2) !== 2) return undefined;
  // A point stays where it is.
  const centre = spec.initial?.kind.case === "dirac" ? undefined : centreOf(spec);
  if (centre === undefined) return undefined;
  const d = spec.dimension;
  const radius = Math.sqrt(d / (2 * (d + 1)));
  return { title: "the steady state", meaning: "where all of it lies", centre, radius, power: 1, mean: radius };
}
