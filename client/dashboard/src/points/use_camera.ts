// Which part of the plane is shown, as the address says it.
import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { link, remember } from "../link";
import { type Camera, readCamera, writeCamera } from "./camera";
import { cameraFor, type Points } from "./plane";

// A camera of the user's own, or one that shows everything seen so far, which only grows, so that the picture holds still.
export function useCamera(points: readonly Points[], view: string): readonly [Camera, (camera: Camera | undefined) => void] {
  const chosen = useSignal(readCamera(link.value.parameters.get("camera") ?? ""));
  const fitted = useRef<{ readonly view: string; readonly camera: Camera } | undefined>(undefined);
  const asked = link.value.parameters.get("camera") ?? "";
  useEffect(() => {
    if (asked === "") chosen.value = undefined;
    else if (chosen.value === undefined || writeCamera(chosen.value) !== asked) chosen.value = readCamera(asked);
  }, [asked]);
  const fit = useMemo(() => {
    if (points.length === 0) return fitted.current?.camera ?? { x: 0, y: 0, radius: 1 };
    const now = cameraFor(points);
    const before = fitted.current?.view === view ? fitted.current.camera : undefined;
    const camera = before === undefined ? now : united(before, now);
    fitted.current = { view, camera };
    return camera;
  }, [...points, points.length, view]);
  const set = (camera: Camera | undefined) => {
    chosen.value = camera;
    remember({ camera: camera === undefined ? "" : writeCamera(camera) });
  };
  return [chosen.value ?? fit, set];
}

function united(a: Camera, b: Camera): Camera {
  const left = Math.min(a.x - a.radius, b.x - b.radius);
  const right = Math.max(a.x + a.radius, b.x + b.radius);
  const bottom = Math.min(a.y - a.radius, b.y - b.radius);
  const top = Math.max(a.y + a.radius, b.y + b.radius);
  const radius = Math.max(right - left, top - bottom) / 2;
  // Without a need the camera stays the same one, and nothing is drawn anew.
  return radius <= a.radius * 1.000001 ? a : { x: (left + right) / 2, y: (bottom + top) / 2, radius };
}
