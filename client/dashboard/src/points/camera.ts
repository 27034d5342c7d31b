// Which part of the plane is shown.

export interface Camera {
  // The middle of the picture, in the points' coordinates.
  readonly x: number;
  readonly y: number;
  // Length of the points' coordinates that half of the picture's shorter side shows.
  readonly radius: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

const digits = 5;

// Pixels a unit of the points' coordinates.
export function pixelsPerUnit(camera: Camera, size: Size): number {
  return Math.min(size.width, size.height) / 2 / camera.radius;
}

export function toPixel(camera: Camera, size: Size, x: number, y: number): { readonly x: number; readonly y: number } {
  const scale = pixelsPerUnit(camera, size);
  return { x: size.width / 2 + (x - camera.x) * scale, y: size.height / 2 - (y - camera.y) * scale };
}

export function toPoint(camera: Camera, size: Size, x: number, y: number): { readonly x: number; readonly y: number } {
  const scale = pixelsPerUnit(camera, size);
  return { x: camera.x + (x - size.width / 2) / scale, y: camera.y - (y - size.height / 2) / scale };
}

// Zooms by a factor so that the point under a pixel stays there.
export function zoomed(camera: Camera, size: Size, factor: number, x = size.width / 2, y = size.height / 2): Camera {
  const fixed = toPoint(camera, size, x, y);
  const radius = Math.min(1e15, Math.max(1e-9, camera.radius / factor));
  const share = radius / camera.radius;
  return { x: fixed.x + (camera.x - fixed.x) * share, y: fixed.y + (camera.y - fixed.y) * share, radius };
}

export function panned(camera: Camera, size: Size, dx: number, dy: number): Camera {
  const scale = pixelsPerUnit(camera, size);
  return { ...camera, x: camera.x - dx / scale, y: camera.y + dy / scale };
}

export function writeCamera(camera: Camera): string {
  return [camera.x, camera.y, camera.radius].map((value) => Number(value.toPrecision(digits))).join(",");
}

export function readCamera(text: string): Camera | undefined {
  const [x, y, radius, ...more] = text.split(",").map(Number);
  if (x === undefined || y === undefined || radius === undefined || more.length > 0) return undefined;
  return Number.isFinite(x) && Number.isFinite(y) && radius > 0 && Number.isFinite(radius) ? { x, y, radius } : undefined;
}
