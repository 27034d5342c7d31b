// Draws points with WebGL 2. A step's numbers go to the GPU once; camera, coordinates, colour and the way from one step to the next are a
// few numbers a frame.
import type { Camera, Size } from "./camera";
import { pixelsPerUnit } from "./camera";
import type { Points } from "./plane";

export interface Frame {
  // Points go from the one to the other; the same where nothing moves.
  readonly from: Points;
  readonly to: Points;
  // Share of the way, from 0 to 1.
  readonly share: number;
  readonly camera: Camera;
  // In pixels of the page.
  readonly size: Size;
  readonly pixelRatio: number;
  // Red, green and blue from 0 to 1.
  readonly color: readonly [number, number, number];
  // Diameter in pixels of the page, and opacity.
  readonly diameter: number;
  readonly opacity: number;
}

const vertexShader = `#version 300 es
in float from_x; in float from_y; in float to_x; in float to_y;
uniform float share; uniform vec2 centre; uniform vec2 scale; uniform float diameter; uniform bool spread;
float scattered(int row) {
  uint bits = uint(row) * 2654435761u;
  bits ^= bits >> 15; bits *= 2246822519u; bits ^= bits >> 13;
  return float(bits >> 8) / 16777216.0 - 0.5;
}
void main() {
  vec2 place = mix(vec2(from_x, from_y), vec2(to_x, to_y), share);
  vec2 shown = (place - centre) * scale;
  if (spread) shown.y = scattered(gl_VertexID) * 1.2;
  gl_Position = vec4(shown, 0.0, 1.0);
  gl_PointSize = diameter;
}`;

const fragmentShader = `#version 300 es
precision mediump float;
uniform vec3 color; uniform float opacity;
out vec4 fragment;
void main() {
  float distance = length(gl_PointCoord - 0.5);
  if (distance > 0.5) discard;
  fragment = vec4(color * opacity, opacity);
}`;

const maxBuffers = 6;
const maxBufferBytes = 128 * 1024 * 1024;
const attributes = ["from_x", "from_y", "to_x", "to_y"] as const;
const uniforms = ["share", "centre", "scale", "diameter", "spread", "color", "opacity"] as const;

interface Buffer {
  readonly handle: WebGLBuffer;
  readonly bytes: number;
  readonly values: Float32Array;
}

export class PointsRenderer {
  // How often numbers of points were sent, for tests and for the curious.
  uploads = 0;
  private readonly gl: WebGL2RenderingContext;
  private readonly program: WebGLProgram;
  private readonly places = new Map<string, WebGLUniformLocation | null>();
  private readonly buffers = new Map<string, Buffer>();

  // Throws where the browser has no WebGL 2.
  constructor(private readonly canvas: HTMLCanvasElement) {
    const gl = canvas.getContext("webgl2", { alpha: true, antialias: false, premultipliedAlpha: true, preserveDrawingBuffer: false });
    if (gl === null) throw new Error("this browser has no WebGL 2");
    this.gl = gl;
    this.program = link(gl);
    for (const name of uniforms) this.places.set(name, gl.getUniformLocation(this.program, name));
    gl.useProgram(this.program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    for (let i = 0; i < attributes.length; i += 1) gl.enableVertexAttribArray(i);
  }

  draw(frame: Frame): void {
    const { gl } = this;
    this.fit(frame.size, frame.pixelRatio);
    this.point(0, frame.from, this.bufferOf(frame.from));
    this.point(2, frame.to, this.bufferOf(frame.to));
    const perUnit = pixelsPerUnit(frame.camera, frame.size);
    gl.uniform1f(this.at("share"), frame.share);
    gl.uniform2f(this.at("centre"), frame.camera.x, frame.camera.y);
    gl.uniform2f(this.at("scale"), (2 * perUnit) / frame.size.width, (2 * perUnit) / frame.size.height);
    gl.uniform1f(this.at("diameter"), Math.max(1, frame.diameter * frame.pixelRatio));
    gl.uniform1i(this.at("spread"), frame.to.y < 0 ? 1 : 0);
    gl.uniform3f(this.at("color"), ...frame.color);
    gl.uniform1f(this.at("opacity"), frame.opacity);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.drawArrays(gl.POINTS, 0, Math.min(frame.from.count, frame.to.count));
  }

  close(): void {
    for (const buffer of this.buffers.values()) this.gl.deleteBuffer(buffer.handle);
    this.gl.deleteProgram(this.program);
    // A browser keeps few contexts alive; this one is not waited for.
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  private fit(size: Size, pixelRatio: number): void {
    const width = Math.max(1, Math.round(size.width * pixelRatio));
    const height = Math.max(1, Math.round(size.height * pixelRatio));
    if (this.canvas.width === width && this.canvas.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.gl.viewport(0, 0, width, height);
  }

  // Coordinates are picked out of a buffer by their offset, so another pair of them sends nothing.
  private point(first: number, points: Points, buffer: Buffer): void {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer.handle);
    gl.vertexAttribPointer(first, 1, gl.FLOAT, false, 4 * points.stride, 4 * points.x);
    gl.vertexAttribPointer(first + 1, 1, gl.FLOAT, false, 4 * points.stride, 4 * Math.max(points.y, 0));
  }

  private bufferOf(points: Points): Buffer {
    const known = this.buffers.get(points.key);
    if (known !== undefined && known.values.buffer === points.values.buffer) {
      this.buffers.delete(points.key);
      this.buffers.set(points.key, known);
      return known;
    }
    if (known !== undefined) this.gl.deleteBuffer(known.handle);
    this.buffers.delete(points.key);
    return this.upload(points);
  }

  private upload(points: Points): Buffer {
    const { gl } = this;
    const buffer = { handle: gl.createBuffer(), bytes: points.values.byteLength, values: points.values };
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer.handle);
    gl.bufferData(gl.ARRAY_BUFFER, points.values, gl.STATIC_DRAW);
    this.uploads += 1;
    this.canvas.dataset["uploads"] = String(this.uploads);
    this.buffers.set(points.key, buffer);
    // Two are drawn from at once, so two stay whatever their size.
    let bytes = [...this.buffers.values()].reduce((sum, each) => sum + each.bytes, 0);
    for (const [key, oldest] of this.buffers) {
      if (this.buffers.size <= 2 || (this.buffers.size <= maxBuffers && bytes <= maxBufferBytes)) break;
      gl.deleteBuffer(oldest.handle);
      this.buffers.delete(key);
      bytes -= oldest.bytes;
    }
    return buffer;
  }

  private at(name: (typeof uniforms)[number]): WebGLUniformLocation | null {
    return this.places.get(name) ?? null;
  }
}

function link(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  const parts = [compile(gl, gl.VERTEX_SHADER, vertexShader), compile(gl, gl.FRAGMENT_SHADER, fragmentShader)];
  for (const part of parts) gl.attachShader(program, part);
  attributes.forEach((name, i) => gl.bindAttribLocation(program, i, name));
  gl.linkProgram(program);
  for (const part of parts) gl.deleteShader(part);
  if (gl.getProgramParameter(program, gl.LINK_STATUS) !== true && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(program) ?? "");
  return program;
}

function compile(gl: WebGL2RenderingContext, kind: number, source: string): WebGLShader {
  const shader = gl.createShader(kind);
  if (shader === null) throw new Error("the graphics context was lost");
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  if (gl.getShaderParameter(shader, gl.COMPILE_STATUS) !== true && !gl.isContextLost()) throw new Error(gl.getShaderInfoLog(shader) ?? "");
  return shader;
}
