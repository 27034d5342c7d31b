// The porous-medium equation from a point.
import type { FlowSpec } from "contract/sliceflow/v1/flow_pb";
import { type RoundLaw, vectorOf } from "./sphere.ts";

// log Γ(x) for x > 0, to some 1e-12: Stirling's series above 10, and Γ(x) = Γ(x + 1)/x below.
export function logGamma(x: number): number {
  if (x < 10) return logGamma(x + 1) - Math.log(x);
  const inverse = 1 / (x * x);
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) / x;
  return (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 + series;
}

// Barenblatt's profile of unit mass at a time, which the flow of ∫ρ^m/(m − 1) from a Dirac follows (Vázquez 2007, chapter 17):
// ρ = t^{−α} (C − κ|x|² t^{−2β})₊^p, p = 1/(m − 1), within the radius √(C/κ) t^β. A weight c of the term makes time go c times as fast.
export function barenblattLaw(spec: FlowSpec, time: number): RoundLaw | undefined {
  const [term, another] = spec.functional?.terms ?? [];
  const initial = spec.initial?.kind;
  if (another !== undefined || term?.kind.case !== "porousMedium" || initial?.case !== "dirac") return undefined;
  const d = spec.dimension;
  const m = term.kind.value.exponent ?? 2;
  const p = 1 / (m - 1);
  const alpha = d / (d * (m - 1) + 2);
  const beta = alpha / d;
  const kappa = (beta * (m - 1)) / (2 * m);
  // Mass: C^{p + d/2} κ^{−d/2} π^{d/2} Γ(p + 1)/Γ(p + 1 + d/2) = 1.
  const logC = ((d / 2) * Math.log(kappa / Math.PI) + logGamma(p + 1 + d / 2) - logGamma(p + 1)) / (p + d / 2);
  const radius = Math.exp((logC - Math.log(kappa)) / 2) * ((term.weight ?? 1) * time) ** beta;
  return {
    title: "Barenblatt's profile at this time",
    meaning: "where it ends",
    centre: vectorOf(initial.value.point, d),
    radius,
    power: 2,
    // |x|²/radius² has the law Beta(d/2, p + 1).
    mean: (radius * radius * d) / (d + 2 * p + 2),
  };
}
