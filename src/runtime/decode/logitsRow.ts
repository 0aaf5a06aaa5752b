// The last row of logits of every sequence, whatever the graph computes; on a GPU only these rows
// are read back.

import type { Tensor } from 'onnxruntime-web';
import { EspalierError } from '../../errors.ts';
import type { ByteSpan, DeviceBuffer, DeviceTensor, Engine } from '../device/engine.ts';
import { byteSize, elements, floats, fromOrt } from '../device/host.ts';
import type { Fetches } from './caches.ts';
import type { GraphIo } from './graphIo.ts';

type Named = Pick<GraphIo, 'logits' | 'logitsType'>;
type Device = Pick<Engine, 'kind' | 'allocate' | 'readSpans'>;

/**
 * What the first run showed: V, and whether the graph gives one row per sequence or one per token
 * (unknown while all runs had one token).
 */
interface Known {
  vocab: number;
  rows: 'one' | 'all' | null;
}

/**
 * Reads rows of (M, S or 1, V). The first run of several tokens is read back whole to learn the
 * shape, all later ones by row.
 */
export class LogitsRows {
  private readonly io: Named;
  private readonly engine: Device;
  private known: Known | null = null;
  private buffer: DeviceBuffer | null = null;
  private output: DeviceTensor | null = null;
  private bits: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  private batch = 1;
  private longest = 1;

  constructor(io: Named, engine: Device) {
    this.io = io;
    this.engine = engine;
  }

  /** V, or null before the first run. */
  get vocab(): number | null {
    return this.known?.vocab ?? null;
  }

  get bytes(): number {
    return this.buffer?.bytes ?? 0;
  }

  /**
   * @param longest tokens of a run for which room is made at once; more is made when a longer run
   * comes.
   */
  begin(batch: number, longest: number): void {
    this.batch = batch;
    this.longest = longest;
  }

  /**
   * Puts where a run of `length` tokens per row writes its logits. @returns true when a buffer was
   * allocated on the device for it.
   */
  before(fetches: Fetches, length: number): boolean {
    if (this.engine.kind !== 'webgpu') {
      fetches[this.io.logits] = null;
      return false;
    }
    let asked = false;
    const rows = this.rowsOf(length);
    this.output = null;
    if (this.known && rows !== null) {
      const dims = [this.batch, rows, this.known.vocab];
      if (!this.buffer || this.buffer.bytes < byteSize(this.io.logitsType, dims)) {
        this.free();
        const most = [
          this.batch,
          this.known.rows === 'all' ? Math.max(rows, this.longest) : 1,
          this.known.vocab,
        ];
        this.buffer = this.engine.allocate(byteSize(this.io.logitsType, most), 'cache', 'logits');
        asked = true;
      }
      this.output = this.buffer.view(this.io.logitsType, dims);
    }
    fetches[this.io.logits] = this.output?.tensor ?? null;
    return asked;
  }

  /** (M, V) as float32; valid until the next call. */
  async last(results: Readonly<Record<string, Tensor>>, length: number): Promise<Float32Array> {
    if (this.output) return this.fromDevice(this.output);
    const tensor = results[this.io.logits];
    if (!tensor) throw new EspalierError('bug', `The graph returned no "${this.io.logits}".`);
    // The row as it came: what every decode step in ordinary memory gives.
    if (length === 1 && this.known && tensor.type === 'float32') return tensor.data as Float32Array;
    const host = fromOrt(tensor);
    const vocab = host.dims.at(-1) ?? 0;
    const rows = host.data.length / (this.batch * vocab);
    this.learn(vocab, rows, length);
    const data = floats(host.type, host.data);
    if (rows === 1) return data;
    const out = new Float32Array(this.batch * vocab);
    for (let row = 0; row < this.batch; row++) {
      const from = (row * rows + rows - 1) * vocab;
      out.set(data.subarray(from, from + vocab), row * vocab);
    }
    return out;
  }

  free(): void {
    this.buffer?.free();
    this.buffer = null;
    this.output = null;
  }

  private async fromDevice(output: DeviceTensor): Promise<Float32Array> {
    const { type, dims } = output;
    const [batch = 1, rows = 1, vocab = 0] = dims;
    const row = byteSize(type, [vocab]);
    if (this.bits.length !== batch * row) this.bits = new Uint8Array(batch * row);
    const spans: ByteSpan[] =
      rows === 1
        ? [{ offset: 0, length: batch * row }]
        : Array.from({ length: batch }, (_, b) => ({
            offset: (b * rows + rows - 1) * row,
            length: row,
          }));
    await this.engine.readSpans(output, spans, this.bits);
    return floats(type, elements(type, this.bits));
  }

  private learn(vocab: number, rows: number, length: number): void {
    // One token per row says nothing: both kinds of graph give one row then.
    if (length === 1) this.known = { vocab, rows: this.known?.rows ?? null };
    else this.known = { vocab, rows: rows === 1 ? 'one' : 'all' };
  }

  private rowsOf(length: number): number | null {
    if (length === 1) return 1;
    if (this.known?.rows === 'one') return 1;
    return this.known?.rows === 'all' ? length : null;
  }
}
