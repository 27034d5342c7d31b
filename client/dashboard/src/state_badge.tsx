import type { Job_State } from "contract/sliceflow/v1/job_pb";
import { stateName, stateSign } from "./words";

export function StateBadge({ state }: { readonly state: Job_State }) {
  const name = stateName(state);
  return (
    <span class={`badge ${name.toLowerCase()}`}>
      <span aria-hidden="true">{stateSign(state)}</span> {name}
    </span>
  );
}
