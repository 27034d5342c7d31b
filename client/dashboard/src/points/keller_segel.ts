// Chemotaxis in the plane: of the law its second moment is known.
import type { FlowSpec } from "contract/sliceflow/v1/flow_pb";
import { centreOf, type RoundLaw } from "./sphere.ts";

// The initial distribution's E|x − centre|², of those kinds whose specification tells it at once.
function initialMoment(spec: FlowSpec): number | undefined {
  const kind = spec.initial?.kind;
  if (kind?.case === undefined) return 2;
  if (kind.case === "ring") return (kind.value.radius ?? 1) ** 2 + (kind.value.thickness ?? 0.1) ** 2;
  if (kind.case !== "gaussian") return undefined;
  const [xx = 1, , , yy = 1] = kind.value.covariance?.values ?? [];
  return xx + yy;
}

// Softening changes nothing that can be seen where it is below this share of the root of E|x|².
const maxSoftening = 0.01;

// d/dt E|x|² = 4(c₁ − c₂ χ/8π) for c₁ ∫ρ log ρ and c₂ times the interaction (Blanchet, Dolbeault & Perthame 2006), below the critical
// mass: above it this holds up to a collapse whose time nothing tells.
export function kellerSegelLaw(spec: FlowSpec, time: number): RoundLaw | undefined {
  const terms = spec.functional?.terms ?? [];
  const entropy = terms.find((term) => term.kind.case === "entropy");
  const interaction = terms.find((term) => term.kind.case === "interaction");
  if (spec.dimension !== 2 || terms.length !== 2 || entropy === undefined || interaction?.kind.case !== "interaction") return undefined;
  const { kernel } = interaction.kind.value;
  const start = initialMoment(spec);
  const centre = centreOf(spec);
  if (kernel.case !== "kellerSegel" || start === undefined || centre === undefined) return undefined;
  const rate = 4 * ((entropy.weight ?? 1) - ((interaction.weight ?? 1) * (kernel.value.chi ?? 1)) / (8 * Math.PI));
  const mean = start + rate * time;
  if (!(rate > 0) || (kernel.value.softening ?? 0.001) > maxSoftening * Math.sqrt(start)) return undefined;
  return {
    title: "the known second moment at this time",
    meaning: "the root of the mean of |x − c|²",
    centre,
    radius: Math.sqrt(mean),
    power: 2,
    mean,
  };
}
