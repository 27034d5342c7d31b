// Back and forth, playing, following: what a page of steps is moved by, with buttons and with keys.
import type { ReadonlySignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

export interface Playable {
  readonly step: ReadonlySignal<number>;
  readonly playing: ReadonlySignal<boolean>;
  readonly live: ReadonlySignal<boolean>;
  choose(step: number): void;
  toggle(): void;
  follow(): void;
}

export function PlayButtons({ player, steps }: { readonly player: Playable; readonly steps: number }) {
  const step = player.step.value;
  return (
    <>
      <button type="button" onClick={() => player.toggle()} aria-keyshortcuts="P" disabled={steps < 2}>
        {player.playing.value ? "❚❚ Hold" : "▶ Play"}
      </button>
      <button type="button" class="small" aria-label="Step before" aria-keyshortcuts="," onClick={() => player.choose(step - 1)}>
        ‹
      </button>
      <button type="button" class="small" aria-label="Step after" aria-keyshortcuts="." onClick={() => player.choose(step + 1)}>
        ›
      </button>
      <button type="button" aria-pressed={player.live.value} aria-keyshortcuts="L" onClick={() => player.follow()}>
        Live
      </button>
    </>
  );
}

export const playKeys: readonly (readonly [string, string])[] = [
  ["P", "play or hold"],
  [", and .", "step before and step after"],
  ["Home and End", "first and newest step"],
  ["L", "follow live"],
];

function act(key: string, player: Playable): boolean {
  switch (key) {
    case "p":
      player.toggle();
      return true;
    case ",":
      player.choose(player.step.value - 1);
      return true;
    case ".":
      player.choose(player.step.value + 1);
      return true;
    case "Home":
      player.choose(0);
      return true;
    case "l":
    case "End":
      player.follow();
      return true;
    default:
      return false;
  }
}

// Keys of the whole page, where no field takes them. `onOther` says whether it took another key.
export function usePlayKeys(player: Playable, onOther: (key: string) => boolean = () => false): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const target = event.target as Element;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, select, textarea, dialog") !== null) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      if (act(key, player) || onOther(key)) event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [player]);
}
