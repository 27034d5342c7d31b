// The words and figures of the command line, so that both say the same.
import { timestampDate, type Timestamp } from "@bufbuild/protobuf/wkt";
import { type EnergyInequality, Job_State, type MetricValue } from "contract/sliceflow/v1/job_pb";

export function figure(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : String(value);
}

export function withError(value: number, standardError: number): string {
  return standardError > 0 ? `${figure(value)} ± ${figure(standardError)}` : figure(value);
}

export function stateName(state: Job_State): string {
  return Job_State[state] ?? "UNKNOWN";
}

// A sign beside each state's word, so that colour is not all that tells them apart.
export function stateSign(state: Job_State): string {
  switch (state) {
    case Job_State.RUNNING:
      return "▶";
    case Job_State.PAUSED:
      return "❚❚";
    case Job_State.SUCCEEDED:
      return "✓";
    case Job_State.FAILED:
      return "✕";
    case Job_State.CANCELLED:
      return "■";
    default:
      return "…";
  }
}

export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

// A rough length of time: `0.4 s`, `12 s`, `3:20 min`, `2:05:00 h`.
export function durationText(seconds: number): string {
  if (seconds < 10) return `${Number(seconds.toPrecision(1))} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return `${clock(seconds)} ${seconds < 3600 ? "min" : "h"}`;
}

export function timeText(time: Timestamp | undefined): string {
  if (time === undefined) return "";
  const date = timestampDate(time);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export function bytesText(bytes: bigint): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = Number(bytes);
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number(value.toPrecision(3))} ${units[unit]}`;
}

export function inequalityText(inequality: EnergyInequality): string {
  const word = inequality.holds ? "inequality holds" : "inequality VIOLATED";
  return `${word} (slack ${figure(inequality.slack)} ± ${figure(inequality.standardError)})`;
}

export function metricText(metric: MetricValue): string {
  return `${metric.name} ${withError(metric.value, metric.standardError)}`;
}

export const notConverged = "the step did not converge: more iterations or a larger learning rate may help";
