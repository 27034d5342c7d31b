// Asking again and again while somebody looks.
import { pause } from "./back_off";

// Calls `ask` at once and `everyMs` after each answer, but not while the tab is hidden; ends with `stop`. `ask` handles its own errors.
export async function poll(ask: () => Promise<void>, everyMs: number, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    await ask();
    await pause(everyMs, stop);
    await untilVisible(stop);
  }
}

function untilVisible(stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !stop.aborted) return;
      document.removeEventListener("visibilitychange", look);
      stop.removeEventListener("abort", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    stop.addEventListener("abort", look);
    look();
  });
}
