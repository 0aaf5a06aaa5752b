// One pass over blocks and heads with shared hidden states: the loop behind the curve and behind plans; must not know about statistics.

import { throwIfCancelled } from '../errors.ts';
import type { Chain } from './chain.ts';
import type { DeviceTensor } from './device.ts';
import { HiddenStates } from './hidden.ts';
import type { Chunk } from './windows.ts';
import { createBreather } from './yield.ts';

/** Runs programs over all chunks of windows, lets the event loop turn and looks at the signal between runs. */
export class Pass {
  readonly chain: Chain;
  readonly chunks: readonly Chunk[];
  private readonly signal: AbortSignal | undefined;
  private readonly breathe = createBreather();

  constructor(chain: Chain, chunks: readonly Chunk[], signal: AbortSignal | undefined) {
    this.chain = chain;
    this.chunks = chunks;
    this.signal = signal;
  }

  /** The residual stream before block 0. */
  embed(): Promise<HiddenStates> {
    return this.each((chunk) => this.chain.embed(chunk));
  }

  /** The residual stream after `block`. The input set stays with its owner. */
  block(block: number, input: HiddenStates): Promise<HiddenStates> {
    return this.each((chunk, at) => this.chain.block(block, input.tensors[at] as DeviceTensor, chunk));
  }

  /** Mean NLL of each window, in the order of the windows. */
  async head(input: HiddenStates): Promise<number[]> {
    const out: number[] = [];
    for (const [at, chunk] of this.chunks.entries()) {
      await this.turn();
      const values = await this.chain.nll(input.tensors[at] as DeviceTensor, chunk);
      for (const [row, window] of chunk.windows.entries()) out[window] = values[row] ?? Number.NaN;
    }
    return out;
  }

  /** NLL of each predicted token of each window. */
  async headPerToken(input: HiddenStates): Promise<Float32Array[]> {
    const out: Float32Array[] = [];
    for (const [at, chunk] of this.chunks.entries()) {
      await this.turn();
      const rows = await this.chain.nllPerToken(input.tensors[at] as DeviceTensor, chunk);
      for (const [row, window] of chunk.windows.entries()) out[window] = rows[row] ?? new Float32Array();
    }
    return out;
  }

  private async each(run: (chunk: Chunk, at: number) => Promise<DeviceTensor>): Promise<HiddenStates> {
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

  private async turn(): Promise<void> {
    await this.breathe();
    throwIfCancelled(this.signal);
  }
}
