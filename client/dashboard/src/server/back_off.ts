// Doubling pauses between attempts, each shortened at random by up to a half so that many pages do not come back at once.
import type { ConnectError } from "@connectrpc/connect";
import { requestedPauseMs } from "./errors";

const firstMs = 100;
const longestMs = 5_000;

export class BackOff {
  private nextMs = firstMs;

  // The pause before the next attempt, at least what the server asked for.
  next(error: ConnectError): number {
    const pauseMs = this.nextMs * (0.5 + Math.random() / 2);
    this.nextMs = Math.min(this.nextMs * 2, longestMs);
    return Math.max(pauseMs, requestedPauseMs(error));
  }

  reset(): void {
    this.nextMs = firstMs;
  }
}

// Ends early, without an error, when `signal` is aborted.
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish);
    if (signal.aborted) finish();
  });
}
