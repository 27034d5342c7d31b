// Data sets that a flow goes to. Tests run this file in Node as it is.
import type { FlowSpec } from "contract/sliceflow/v1/flow_pb";

// Those that the functional draws the points towards, each once, in the order of its terms.
export function dataTargetsOf(spec: FlowSpec): readonly string[] {
  const names = (spec.functional?.terms ?? []).flatMap(({ kind, weight }) => {
    const draws = kind.case === "slicedWasserstein" || kind.case === "mmd";
    return draws && (weight ?? 1) > 0 ? [kind.value.dataset] : [];
  });
  return [...new Set(names)];
}
