// Dense arrays as they travel: chunks of packed little-endian float32, put together.
import type { TensorChunk } from "contract/sliceflow/v1/tensor_pb";

export interface Tensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

// More is refused: what the page holds has a bound. 2²⁸ bytes.
const maxBytes = 268_435_456;

// Checks what it is given, since a mistake here would show points that are none.
export class TensorAssembler {
  private shape: number[] = [];
  private bytes = new Uint8Array(0);
  private received = 0;

  // The array once its last chunk is there.
  add(chunk: TensorChunk): Tensor | undefined {
    if (Number(chunk.offset) !== this.received) throw new Error(`a chunk of samples begins at byte ${chunk.offset}, not ${this.received}`);
    if (this.received === 0) this.begin(chunk);
    if (this.received + chunk.data.length > this.bytes.length) throw new Error("samples are longer than their shape says");
    this.bytes.set(chunk.data, this.received);
    this.received += chunk.data.length;
    if (!chunk.last) return undefined;
    if (this.received !== this.bytes.length) throw new Error("samples are shorter than their shape says");
    return { shape: this.shape, values: new Float32Array(this.bytes.buffer) };
  }

  private begin(chunk: TensorChunk): void {
    this.shape = chunk.shape.map(Number);
    const length = 4 * this.shape.reduce((product, axis) => product * axis, 1);
    if (!(length >= 0 && length <= maxBytes)) throw new Error(`samples of ${length} bytes are more than this page holds`);
    this.bytes = new Uint8Array(length);
  }
}
