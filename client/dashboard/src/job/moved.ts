// How far a step went, of which reports tell the square. Tests run this file in Node as it is.
import type { FlowSpec } from "contract/sliceflow/v1/flow_pb";
import type { StepReport } from "contract/sliceflow/v1/job_pb";

export interface Moved {
  readonly distance: number;
  // To first order; 0 where the distance is 0.
  readonly standardError: number;
}

export function movedOf(report: Pick<StepReport, "distanceSquared" | "distanceStandardError">): Moved {
  // An estimate of a small square may lie below 0.
  const distance = Math.sqrt(Math.max(0, report.distanceSquared));
  return { distance, standardError: distance > 0 ? report.distanceStandardError / (2 * distance) : 0 };
}

// SwJko.Variant by its number.
const slicedNames = ["SW₂", "SW₂", "max-sliced W₂", "concentration approximation of SW₂"];

// Which distance the solver tells its steps in.
export function distanceName(spec: FlowSpec | undefined): string {
  const kind = spec?.solver?.kind;
  switch (kind?.case) {
    case "pairedJko":
    case "jkoIcnn":
      return "W₂ along the step's map";
    case "eulerMaruyama":
    case "mala":
      return "root mean square displacement";
    case "entropicJko":
      return "root of the Sinkhorn divergence";
    default:
      return slicedNames[kind?.case === "swJko" ? kind.value.variant : 0] ?? "the solver's distance";
  }
}

// That of several jobs, where they have one.
export function commonDistanceName(specs: readonly (FlowSpec | undefined)[]): string {
  const names = new Set(specs.map(distanceName));
  return names.size > 1 ? "each solver's own distance" : ([...names][0] ?? "");
}
