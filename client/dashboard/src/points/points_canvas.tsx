// One step's points on a canvas of their own.
import { useEffect, useRef } from "preact/hooks";
import { theme } from "../theme";
import type { Camera, Size } from "./camera";
import type { Points } from "./plane";
import { Stage } from "./stage";

interface Properties {
  readonly points: Points | undefined;
  readonly label: string;
  // Which of the colours of series.
  readonly series: number;
  readonly camera: Camera;
  readonly size: Size;
  // How long a step is shown while it plays.
  readonly periodMs: number;
  readonly onProblem: (problem: string) => void;
}

export function PointsCanvas({ points, label, series, camera, size, periodMs, onProblem }: Properties) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const stage = useRef<Stage | undefined>(undefined);
  useEffect(() => {
    if (canvas.current === null) return undefined;
    try {
      stage.current = new Stage(canvas.current);
    } catch (error) {
      onProblem(`Points cannot be drawn here: ${String(error)}. The table below has them.`);
    }
    return () => stage.current?.close();
  }, []);
  useEffect(() => stage.current?.recolor(), [theme.value, series]);
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const recolor = () => stage.current?.recolor();
    dark.addEventListener("change", recolor);
    return () => dark.removeEventListener("change", recolor);
  }, []);
  useEffect(() => stage.current?.show(points, periodMs), [points]);
  useEffect(() => stage.current?.look(camera, size), [camera, size]);
  return <canvas ref={canvas} class={`s${series % 8}`} role="img" aria-label={label} />;
}
