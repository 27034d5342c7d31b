// The form of a job: what can be asked for is what the server lists, so that a new kind needs no new page.
import { type DescField, type DescMessage, type JsonValue } from "@bufbuild/protobuf";
import { DistributionSchema } from "contract/sliceflow/v1/distribution_pb";
import { MetricSchema, OutputSchema, ScheduleSchema } from "contract/sliceflow/v1/flow_pb";
import { FunctionalTermSchema } from "contract/sliceflow/v1/functional_pb";
import { ModelSchema } from "contract/sliceflow/v1/model_pb";
import type { ServerInfo } from "contract/sliceflow/v1/server_service_pb";
import { SolverSchema } from "contract/sliceflow/v1/solver_pb";
import type { ComponentChildren } from "preact";
import type { Draft } from "./draft";
import { ChoiceField, TextField } from "./field";
import { controlOf } from "./fields";
import { valueAt } from "./json_path";
import { appended, KindFields, removed } from "./kind_fields";

function Group({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <fieldset class="panel">
      <legend>{title}</legend>
      <div class="fields">{children}</div>
    </fieldset>
  );
}

function listAt(draft: Draft, path: string): readonly JsonValue[] {
  const list = valueAt(draft.file.value, path);
  return Array.isArray(list) ? list : [];
}

interface ListProperties {
  readonly draft: Draft;
  readonly info: ServerInfo;
}

function Terms({ draft, info }: ListProperties) {
  const path = "spec.functional.terms";
  const own = draft.violations.value.filter((violation) => violation.field === path || violation.field === "spec.functional");
  return (
    <Group title="Functional: the sum of these terms">
      {listAt(draft, path).map((_, i) => (
        <div class="item" key={i} role="group" aria-label={`Term ${i + 1}`}>
          <TextField draft={draft} path={`${path}[${i}].weight`} name="weight" control="number" fallback="1" help="" />
          <KindFields
            draft={draft}
            path={`${path}[${i}]`}
            title={`Term ${i + 1}`}
            message={FunctionalTermSchema}
            kinds={info.functionals}
            fallback=""
            keeps={["weight"]}
          />
          <button type="button" class="small" onClick={() => draft.set(path, removed(valueAt(draft.file.value, path), i))}>
            Remove term {i + 1}
          </button>
        </div>
      ))}
      <p class="problem" role="alert">
        {own.map((violation) => violation.description).join("; ")}
      </p>
      <button type="button" onClick={() => draft.set("spec", appended(draft.file.value, path, {})["spec"])}>
        Add a term
      </button>
    </Group>
  );
}

function Metrics({ draft, info }: ListProperties) {
  const path = "spec.output.metrics";
  return (
    <>
      {listAt(draft, path).map((_, i) => (
        <div class="item" key={i} role="group" aria-label={`Metric ${i + 1}`}>
          <KindFields
            draft={draft}
            path={`${path}[${i}]`}
            title={`Metric ${i + 1}`}
            message={MetricSchema}
            kinds={info.metrics}
            fallback=""
          />
          <button type="button" class="small" onClick={() => draft.set(path, removed(valueAt(draft.file.value, path), i))}>
            Remove metric {i + 1}
          </button>
        </div>
      ))}
      <button type="button" onClick={() => draft.set("spec", appended(draft.file.value, path, {})["spec"])}>
        Add a metric
      </button>
    </>
  );
}

// A field of a message by its name in the contract.
function PlainField(properties: { draft: Draft; message: DescMessage; path: string; name: string; fallback: string; help: string }) {
  const { draft, message, path, name, fallback, help } = properties;
  const field: DescField | undefined = message.fields.find((each) => each.jsonName === name);
  if (field === undefined) return null;
  const siblings = field.oneof?.fields.filter((other) => other !== field).map((other) => `${path}.${other.jsonName}`) ?? [];
  const common = { draft, path: `${path}.${name}`, name, fallback, help, excluded: siblings, ...controlOf(field) };
  return common.control === "choice" || common.control === "flag" ? <ChoiceField {...common} /> : <TextField {...common} />;
}

function Schedule({ draft }: { readonly draft: Draft }) {
  const path = "spec.schedule";
  const own = draft.violations.value.filter((violation) => violation.field === path);
  const common = { draft, message: ScheduleSchema, path };
  return (
    <Group title="Schedule">
      <PlainField {...common} name="stepSize" fallback="" help="step size τ, in the clock beside it" />
      <PlainField {...common} name="clock" fallback="WASSERSTEIN" help="the clock of step size and end time" />
      <PlainField {...common} name="numSteps" fallback="or endTime" help="how many steps" />
      <PlainField {...common} name="endTime" fallback="or numSteps" help="the time to reach" />
      <PlainField {...common} name="stepHalving" fallback="false" help="also with steps of τ/2 and τ/4, to observe the order in time" />
      <p class="problem" role="alert">
        {own.map((violation) => violation.description).join("; ")}
      </p>
    </Group>
  );
}

export function JobForm({ draft, info }: ListProperties) {
  const limits = info.limits;
  const forks = draft.fork !== undefined;
  const outputs = { draft, message: OutputSchema, path: "spec.output" };
  return (
    <>
      <Group title="Job">
        <TextField draft={draft} path="displayName" name="title" control="text" fallback="none" help="for people" />
        {!forks && (
          <TextField
            draft={draft}
            path="spec.dimension"
            name="dimension"
            control="integer"
            fallback=""
            help={`of the space, between 1 and ${limits?.maxDimension ?? 1}`}
          />
        )}
        <TextField draft={draft} path="spec.seed" name="seed" control="integer" fallback="0" help="of every random number" />
        <TextField draft={draft} path="priority" name="priority" control="integer" fallback="0" help="higher ones start first" />
        <TextField
          draft={draft}
          path="device"
          name="device"
          control="text"
          fallback="any"
          help={info.devices.map((each) => each.name).join(", ")}
        />
      </Group>
      {!forks && (
        <Group title="Initial distribution">
          <KindFields
            draft={draft}
            path="spec.initial"
            title="Kind"
            message={DistributionSchema}
            kinds={info.initialDistributions}
            fallback="gaussian"
          />
        </Group>
      )}
      <Terms draft={draft} info={info} />
      <Group title="Solver">
        <KindFields draft={draft} path="spec.solver" title="Kind" message={SolverSchema} kinds={info.solvers} fallback="swJko" />
      </Group>
      {!forks && (
        <Group title="Model">
          <KindFields draft={draft} path="spec.model" title="Kind" message={ModelSchema} kinds={info.models} fallback="realNvp" />
        </Group>
      )}
      <Schedule draft={draft} />
      <Group title="Output">
        <PlainField {...outputs} name="samplesPerStep" fallback="1000" help={`stored with each step, at most ${limits?.maxSamples ?? 0}`} />
        <PlainField {...outputs} name="checkpointEvery" fallback="1" help="every n-th step can be sampled and forked later" />
        <Metrics draft={draft} info={info} />
      </Group>
    </>
  );
}
