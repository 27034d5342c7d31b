// Errors in the user's words.
import { Code, ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from "contract/google/rpc/error_details_pb";

export interface Violation {
  // The path in the contract's JSON names, such as `spec.functional.terms[1].potential.quadratic.precision`.
  readonly field: string;
  readonly description: string;
}

// `spec.step_size` → `spec.stepSize`: fields are named as a job file names them.
function jsonPath(path: string): string {
  return path.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

export function violationsOf(error: ConnectError): Violation[] {
  return error
    .findDetails(BadRequestSchema)
    .flatMap((detail) => detail.fieldViolations)
    .map((violation) => ({ field: jsonPath(violation.field), description: violation.description }));
}

// How long the server asks to wait before the next attempt.
export function requestedPauseMs(error: ConnectError): number {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay === undefined ? 0 : Number(delay.seconds) * 1000 + delay.nanos / 1e6;
}

// Whether no answer came, or only a part of it, rather than that the server refused.
export function isLost(error: ConnectError): boolean {
  if (error.findDetails(ErrorInfoSchema).length > 0) return error.code === Code.Unavailable;
  if (error.code === Code.Unavailable || error.code === Code.Canceled || error.code === Code.DeadlineExceeded) return true;
  if (error.cause instanceof TypeError || error.cause === "missing EndStreamResponse") return true;
  return error.rawMessage.startsWith("protocol error: incomplete envelope");
}

export function isGone(error: ConnectError): boolean {
  return error.code === Code.NotFound;
}

// The code's name as gRPC writes it, such as FAILED_PRECONDITION.
export function codeName(code: number): string {
  const name = Code[code] ?? "Unknown";
  return name.replace(/(?<!^)([A-Z])/g, "_$1").toUpperCase();
}

export function describe(reason: unknown): string {
  const error = ConnectError.from(reason);
  if (isLost(error) && error.findDetails(ErrorInfoSchema).length === 0) {
    return error.code === Code.DeadlineExceeded ? "the server did not answer in time" : "no server answers";
  }
  const details = [
    ...error.findDetails(PreconditionFailureSchema).flatMap((detail) => detail.violations.map((violation) => violation.description)),
    ...error.findDetails(QuotaFailureSchema).flatMap((detail) => detail.violations.map((violation) => violation.description)),
  ].filter((text) => text !== "" && !error.rawMessage.includes(text));
  return [`${error.rawMessage} (${codeName(error.code)})`, ...details].join("; ");
}
