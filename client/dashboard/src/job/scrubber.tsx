import type { Flow } from "./flow";
import { gapsOf } from "./gaps";
import { PlayButtons } from "./play_buttons";
import { indexOf, type Player, speeds } from "./player";
import { figure } from "../words";

interface Span {
  readonly from: number;
  readonly to: number;
  readonly kind: "samples" | "figures" | "dropped";
}

const words = { samples: "samples kept", figures: "no samples kept", dropped: "dropped by retention" };

// Runs of steps of one kind, from the first step there could be to the newest.
function spansOf(flow: Flow, drawn: boolean): Span[] {
  const steps = flow.steps.value;
  const spans: Span[] = [];
  for (const step of steps) {
    const number = step.report.step;
    const kind = (drawn ? step.checkpointKept : step.sampleCount > 0) ? "samples" : "figures";
    const last = spans.at(-1);
    if (last?.kind === kind && last.to === number - 1) spans[spans.length - 1] = { ...last, to: number };
    else spans.push({ from: number, to: number, kind });
  }
  const dropped = gapsOf(steps.map((step) => step.report.step)).map((gap): Span => ({ ...gap, kind: "dropped" }));
  return [...dropped, ...spans].sort((a, b) => a.from - b.from);
}

function Rail({ spans, last }: { readonly spans: readonly Span[]; readonly last: number }) {
  const kinds = new Set(spans.map((span) => span.kind));
  const told = spans.map((span) => `steps ${span.from} to ${span.to}: ${words[span.kind]}`).join("; ");
  const label = told === "" ? "no step yet" : told;
  const total = last + 1;
  return (
    <>
      <svg class="rail" viewBox={`0 0 ${total} 1`} preserveAspectRatio="none" role="img" aria-label={label}>
        {spans.map((span) => (
          <rect key={span.from} class={span.kind} x={span.from} width={span.to - span.from + 1} y="0" height="1" />
        ))}
      </svg>
      {(kinds.has("dropped") || kinds.has("figures")) && (
        <ul class="legend">
          {[...kinds].map((kind) => (
            <li key={kind}>
              <span class={`swatch ${kind}`} aria-hidden="true" /> {words[kind]}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

// Which step is shown: back and forth, playing, or following the newest.
export function Scrubber({ flow, player, drawn }: { readonly flow: Flow; readonly player: Player; readonly drawn: boolean }) {
  const steps = flow.steps.value;
  const last = steps.at(-1)?.report.step ?? 0;
  const step = player.step.value;
  const here = steps[indexOf(steps, step)];
  const text = here === undefined ? `step ${step}` : `step ${step} of ${last}, time ${figure(here.report.wassersteinTime)}`;
  return (
    <div class="scrubber">
      <div class="toolbar">
        <PlayButtons player={player} steps={steps.length} />
        <label>
          Speed
          <select value={String(player.speed.value)} onChange={(event) => (player.speed.value = Number(event.currentTarget.value))}>
            {speeds.map((speed) => (
              <option key={speed} value={String(speed)}>
                {speed}×
              </option>
            ))}
          </select>
        </label>
        <span class="figures step-text">{text}</span>
      </div>
      <input
        type="range"
        min={0}
        max={Math.max(last, 1)}
        step={1}
        value={step}
        disabled={steps.length === 0}
        aria-label="Step"
        aria-valuetext={text}
        onInput={(event) => player.choose(Number(event.currentTarget.value))}
      />
      <Rail spans={spansOf(flow, drawn)} last={last} />
    </div>
  );
}
