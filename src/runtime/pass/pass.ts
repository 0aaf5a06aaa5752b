// Runs programs over all chunks of a group of windows, yielding to the event loop, cancel and pause
// between runs.

import { throwIfCancelled } from '../../errors.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import type { Unit } from '../../units.ts';
import type { DeviceTensor } from '../device/engine.ts';
import { byteSize, toFloat32 } from '../device/host.ts';
import { createYielder } from '../device/yielder.ts';
import type { Chunk } from '../weights/windows.ts';
import type { Chain } from './chain.ts';
import { type Gate, TimedGate } from './gate.ts';
import { HiddenStates } from './hidden.ts';
import type { WindowBytes } from './streams.ts';

type StateForm = Pick<ScorePrograms, 'stateSize' | 'residualType'>;

/**
 * Runs programs over all chunks of windows, lets the event loop turn and looks at the signal and
 * the gate between runs.
 */
export class Pass {
  readonly chain: Chain;
  readonly chunks: readonly Chunk[];
  /** Those of the chain, or the same with other weights, which must be loaded. */
  readonly programs: ScorePrograms;
  private readonly signal: AbortSignal | undefined;
  private readonly gate: TimedGate;
  private readonly yieldIfDue = createYielder();

  constructor(
    chain: Chain,
    chunks: readonly Chunk[],
    signal: AbortSignal | undefined,
    gate?: Gate,
    programs: ScorePrograms = chain.programs,
  ) {
    this.chain = chain;
    this.programs = programs;
    this.chunks = chunks;
    this.signal = signal;
    this.gate = new TimedGate(gate);
  }

  /** Time spent waiting at the gate so far, ms: not part of any measured time. */
  get heldMs(): number {
    return this.gate.heldMs;
  }

  /** A pass over the same chunks with other weights. */
  with(programs: ScorePrograms): Pass {
    return new Pass(this.chain, this.chunks, this.signal, this.gate.given, programs);
  }

  /** The residual stream before block 0. */
  embed(): Promise<HiddenStates> {
    return this.each((chunk) => this.chain.embed(chunk, this.programs));
  }

  /** The residual stream after a block or a sublayer. The input stays with its owner. */
  block(unit: Unit, input: HiddenStates): Promise<HiddenStates> {
    return this.each((chunk, at) =>
      this.chain.block(unit, input.tensors[at] as DeviceTensor, chunk, this.programs),
    );
  }

  /**
   * Passes the residual stream of each chunk to `use`, (B, S, C) float32 on the host; the values
   * are valid until the next chunk only.
   */
  async each32(
    input: HiddenStates,
    use: (chunk: Chunk, values: Float32Array) => void,
  ): Promise<void> {
    const { hiddenSize, stateSize } = this.chain.programs;
    for (const [at, chunk] of this.chunks.entries()) {
      const values = toFloat32(await this.chain.engine.read(input.tensors[at] as DeviceTensor));
      use(chunk, firstColumns(values, stateSize, hiddenSize));
    }
  }

  /**
   * The raw bytes of each window, (S, C), in the order of the windows: they can be restored with
   * another division into chunks.
   */
  async read(input: HiddenStates): Promise<WindowBytes> {
    const out: WindowBytes = [];
    for (const [at, chunk] of this.chunks.entries()) {
      const { data } = await this.chain.engine.read(input.tensors[at] as DeviceTensor);
      const size = data.byteLength / chunk.rows;
      for (const [row, window] of chunk.windows.entries())
        out[window] = new Uint8Array(data.buffer, data.byteOffset + row * size, size).slice();
    }
    return out;
  }

  /**
   * The inverse of `read`. @throws EspalierError `out-of-memory`.
   * @param form of the model whose states they are: that of the chain by default
   */
  restore(
    windows: WindowBytes,
    { stateSize, residualType }: StateForm = this.chain.programs,
  ): HiddenStates {
    const buffers: { free(): void }[] = [];
    const free = (): void => buffers.forEach((buffer) => void buffer.free());
    try {
      const tensors = this.chunks.map((chunk) => {
        const dims = [chunk.rows, chunk.length, stateSize];
        const buffer = this.chain.engine.allocate(
          byteSize(residualType, dims),
          'hidden',
          'hidden state',
        );
        buffers.push(buffer);
        const size = byteSize(residualType, [chunk.length, stateSize]);
        for (const [row, window] of chunk.windows.entries())
          buffer.write(row * size, new Uint8Array(windows[window] ?? []));
        return buffer.view(residualType, dims);
      });
      return new HiddenStates(tensors, free);
    } catch (error) {
      free();
      throw error;
    }
  }

  /** Mean NLL of each window, in the order of the windows. */
  async head(input: HiddenStates): Promise<number[]> {
    const out: number[] = [];
    for (const [at, chunk] of this.chunks.entries()) {
      await this.turn();
      const state = input.tensors[at] as DeviceTensor;
      const values = await this.chain.nll(state, chunk, this.programs);
      for (const [row, window] of chunk.windows.entries()) out[window] = values[row] ?? Number.NaN;
    }
    return out;
  }

  /** NLL of each predicted token of each window. */
  async headPerToken(input: HiddenStates): Promise<Float32Array[]> {
    const out: Float32Array[] = [];
    for (const [at, chunk] of this.chunks.entries()) {
      await this.turn();
      const state = input.tensors[at] as DeviceTensor;
      const rows = await this.chain.nllPerToken(state, chunk, this.programs);
      for (const [row, window] of chunk.windows.entries())
        out[window] = rows[row] ?? new Float32Array();
    }
    return out;
  }

  private async each(
    run: (chunk: Chunk, at: number) => Promise<DeviceTensor>,
  ): Promise<HiddenStates> {
    const done: DeviceTensor[] = [];
    try {
      for (const [at, chunk] of this.chunks.entries()) {
        await this.turn();
        done.push(await run(chunk, at));
      }
      return new HiddenStates(done);
    } catch (error) {
      for (const tensor of done) tensor.free();
      throw error;
    }
  }

  /**
   * Between two runs: lets the event loop turn, and waits while the job is held.
   * @throws EspalierError `cancelled`
   */
  async turn(): Promise<void> {
    await this.yieldIfDue();
    throwIfCancelled(this.signal);
    await this.gate.wait(this.signal);
  }
}

/** The first `width` of every `from` values: the residual stream without what is carried along. */
function firstColumns(values: Float32Array, from: number, width: number): Float32Array {
  if (from === width) return values;
  const rows = values.length / from;
  const out = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++)
    out.set(values.subarray(row * from, row * from + width), row * width);
  return out;
}
