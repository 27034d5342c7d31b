// Kinds by the path of their fields, as the server names them: `potential.quadratic`.
import type { FunctionalTerm } from "contract/sliceflow/v1/functional_pb";

export function termKind(term: FunctionalTerm): string {
  const { kind } = term;
  switch (kind.case) {
    case undefined:
      return "term";
    case "potential":
    case "relativeEntropy": {
      const potential = kind.case === "potential" ? kind.value : kind.value.potential;
      return `${kind.case}.${potential?.kind.case ?? ""}`.replace(/\.$/, "");
    }
    case "interaction":
    case "mmd":
      return `${kind.case}.${kind.value.kernel.case ?? ""}`.replace(/\.$/, "");
    default:
      return kind.case;
  }
}

// Names of terms for people; a number tells terms of one kind apart.
export function termNames(terms: readonly FunctionalTerm[]): string[] {
  const kinds = terms.map(termKind);
  return kinds.map((kind, i) => (kinds.filter((other) => other === kind).length > 1 ? `${kind} (${i + 1})` : kind));
}
