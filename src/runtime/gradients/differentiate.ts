// The backward pass of a model over its windows: forward with the states between blocks kept, the
// head, then blocks from last to first, with the weights of one at a time.

import { EspalierError } from '../../errors.ts';
import type { BlockGradient } from '../../grad/blockGradient.ts';
import type { GradientPrograms } from '../../grad/gradientPrograms.ts';
import type { BoundProgram, OutputTarget } from '../../model/programs/program.ts';
import type { DeviceTensor, Shape } from '../device/engine.ts';
import { byteSize, type HostTensor, toFloat32 } from '../device/host.ts';
import type { Chain } from '../pass/chain.ts';
import type { StageLoader } from '../pass/stageLoader.ts';
import { headSlices } from '../weights/headSlices.ts';
import type { Stage } from '../weights/stages.ts';
import type { Chunk } from '../weights/windows.ts';
import { freeAll, type KeptState, keep, keepHost, valuesOf } from './states.ts';

/** How one run of the head is cut out of a chunk: rows, or positions of a row. */
export interface HeadLimits {
  rows: number;
  /** Null = whole rows. */
  tokens: number | null;
}

export interface Differentiation {
  /** Of the float32 programs. */
  chain: Chain;
  loader: StageLoader;
  gradients: GradientPrograms;
  chunks: readonly Chunk[];
  head: HeadLimits;
  /** What an interrupted run had done; its chunks are the same. */
  from: BackwardState | null;
  signal: AbortSignal | undefined;
}

/** Where a backward pass stands. */
export interface BackwardState {
  /** Mean NLL in nats over all predicted positions. */
  loss: number;
  /** The gradient is that of the stream before this block: blocks below it are to be done. */
  block: number;
  /** dL/dh by chunk, (B, S, C) row by row. */
  gradient: readonly Float32Array[];
}

/** What a pass would go on from: null before the first block of the backward pass. */
export type StateOf = () => Promise<BackwardState | null>;

export interface DifferentiationHooks {
  /**
   * Between two runs: lets the event loop turn, and ends the job.
   * @throws EspalierError `cancelled`
   */
  turn(): Promise<void>;
  /** After each block of the forward pass. */
  onForward(block: number): void;
  /** dL/dh before block `cut`, or after the last one; the values are valid until it returns. */
  onGradient?(cut: number, gradient: readonly Float32Array[]): void;
  /** The scores sum |W dL/dW| of the taps of a block, in their order. */
  onBlock(block: number, scores: readonly number[], state: StateOf): Promise<void>;
  /** The pass ends early; what it has is freed after this. */
  onFailure(error: unknown, state: StateOf): Promise<void>;
}

/**
 * Runs the pass. @returns the mean NLL in nats over all predicted positions of all windows
 * @throws EspalierError what `hooks.turn` throws; errors of the engine and of the weight store.
 */
export async function differentiate(
  job: Differentiation,
  hooks: DifferentiationHooks,
): Promise<number> {
  const pass = new BackwardPass(job, hooks);
  try {
    return await pass.run();
  } catch (error) {
    await hooks.onFailure(error, () => pass.state());
    throw error;
  } finally {
    pass.free();
  }
}

class BackwardPass {
  private readonly job: Differentiation;
  private readonly hooks: DifferentiationHooks;
  /** By cut, then by chunk. */
  private readonly states: KeptState[][] = [];
  private gradient: KeptState[] = [];
  /** What the gradient is of. */
  private at: Omit<BackwardState, 'gradient'> | null = null;

  constructor(job: Differentiation, hooks: DifferentiationHooks) {
    this.job = job;
    this.hooks = hooks;
  }

  async run(): Promise<number> {
    const { chain, from } = this.job;
    const blocks = from?.block ?? chain.programs.blocks.length;
    await this.forward(blocks);
    if (from) {
      this.gradient = this.restored(from.gradient);
      this.at = { loss: from.loss, block: blocks };
    } else this.at = { loss: await this.head(blocks), block: blocks };
    await this.tell(blocks);
    for (let block = blocks - 1; block >= 0; block--) {
      const scores = await this.block(block);
      this.at = { ...this.at, block };
      await this.tell(block);
      await this.hooks.onBlock(block, scores, () => this.state());
    }
    return this.at.loss;
  }

  /** Between blocks: the gradient of a block that is under way is not there yet. */
  async state(): Promise<BackwardState | null> {
    return this.at && { ...this.at, gradient: await this.values() };
  }

  free(): void {
    for (const states of this.states) freeAll(states);
    freeAll(this.gradient);
  }

  /** States before blocks 0 to `blocks`; none is computed for nothing. */
  private async forward(blocks: number): Promise<void> {
    const { chain, chunks } = this.job;
    const last = blocks === chain.programs.blocks.length ? blocks : blocks - 1;
    if (last < 0) return;
    await this.visit('embed', 0);
    this.states[0] = [];
    for (const chunk of chunks) {
      await this.hooks.turn();
      this.states[0].push(await keep(chain.engine, await chain.embed(chunk)));
    }
    for (let block = 0; block < last; block++) {
      await this.visit(block, block + 1 < last ? block + 1 : this.after(last));
      const after: KeptState[] = [];
      this.states[block + 1] = after;
      for (const [at, chunk] of chunks.entries()) {
        await this.hooks.turn();
        const { feed } = this.stateAt(block, at);
        after.push(await keep(chain.engine, await chain.block(block, feed, chunk)));
      }
      this.hooks.onForward(block);
    }
  }

  /** The stage that follows the forward pass up to this cut. */
  private after(last: number): Stage {
    return last === this.job.chain.programs.blocks.length ? 'head' : last;
  }

  /** The mean NLL; the gradient is then that after the last block. */
  private async head(blocks: number): Promise<number> {
    const { chain, chunks, gradients, head } = this.job;
    const { stateSize } = chain.programs;
    await this.visit('head', blocks - 1);
    const loaded = new Set<BoundProgram>();
    let sum = 0;
    let predictions = 0;
    try {
      for (const [at, chunk] of chunks.entries()) {
        const state = this.stateAt(blocks, at);
        const hidden = await valuesOf(chain.engine, state);
        const gradient = new Float32Array(chunk.rows * chunk.length * stateSize);
        for (const slice of headSlices(chunk, head.rows, head.tokens)) {
          await this.hooks.turn();
          const { rows, length } = slice.chunk;
          const bound = gradients.head({ rows, length });
          await this.load([bound], loaded);
          const start = (slice.row * chunk.length + slice.from) * stateSize;
          const residual: HostTensor = {
            type: 'float32',
            dims: [rows, length, stateSize],
            data: hidden.subarray(start, start + rows * length * stateSize),
          };
          const { host } = await chain.run(bound, slice.chunk, { residual }, new Map());
          for (const value of toFloat32(output(bound, host, 'nll'))) sum += value;
          predictions += rows * (length - 1);
          const part = toFloat32(output(bound, host, 'gradient'));
          // The last position of a stretch predicts nothing: its row of zeros is that of the next.
          for (let row = 0; row < rows; row++)
            gradient.set(
              part.subarray(row * length * stateSize, ((row + 1) * length - 1) * stateSize),
              start + row * chunk.length * stateSize,
            );
        }
        state.free();
        const dims = [chunk.rows, chunk.length, stateSize];
        this.gradient.push(keepHost(chain.engine, { type: 'float32', dims, data: gradient }));
      }
    } finally {
      this.dropStates(blocks);
      chain.weights.release([...loaded]);
    }
    return sum / predictions;
  }

  /** The scores of its taps; the gradient is then that before the block. */
  private async block(block: number): Promise<number[]> {
    const { chain, chunks, gradients } = this.job;
    const { engine, weights } = chain;
    await this.visit(block, block > 0 ? block - 1 : null);
    const loaded = new Set<BoundProgram>();
    let sums: Parts | null = null;
    const scores = new Map<string, number>();
    let taps: BlockGradient['taps'] = [];
    const gradient: KeptState[] = [];
    try {
      for (const [at, chunk] of chunks.entries()) {
        await this.hooks.turn();
        const { rows, length } = chunk;
        const found = gradients.block(block, { rows, length });
        const { bound, scoring } = found;
        taps = found.taps;
        await this.load(scoring ? [bound, scoring] : [bound], loaded);
        sums ??= new Parts(chain, found);
        const after = this.gradient[at];
        const before = this.stateAt(block, at);
        const { device, host } = await chain.run(
          bound,
          chunk,
          { residual: before.feed, gradient: after?.feed, parts: sums.feeds },
          keptOutputs(bound, [rows, length, chain.programs.stateSize], sums.shapes),
        );
        before.free();
        for (const { name, target } of bound.program.outputs) {
          const tensor = device.get(name);
          if (target.kind === 'gradient' && tensor) gradient.push(await keep(engine, tensor));
          else if (target.kind === 'weight-gradient' && tensor) sums.replace(target.part, tensor);
        }
        addScores(scores, bound, host);
        if (scoring && at === chunks.length - 1) {
          const last = await chain.run(scoring, chunk, { parts: sums.feeds }, new Map());
          addScores(scores, scoring, last.host);
        }
      }
    } catch (error) {
      freeAll(gradient);
      throw error;
    } finally {
      this.dropStates(block);
      sums?.free();
      weights.release([...loaded]);
    }
    freeAll(this.gradient);
    this.gradient = gradient;
    return taps.map(({ weight, name }) => {
      const score = scores.get(weight);
      if (score === undefined) throw new EspalierError('bug', `There is no score of ${name}.`);
      return score;
    });
  }

  private async load(programs: readonly BoundProgram[], loaded: Set<BoundProgram>): Promise<void> {
    const fresh = programs.filter((program) => !loaded.has(program));
    if (fresh.length === 0) return;
    for (const program of fresh) loaded.add(program);
    await this.job.chain.prepareLate(fresh, this.job.signal);
  }

  private visit(stage: Stage, next: Stage | null): Promise<void> {
    return this.job.loader.visit(stage, next, { signal: this.job.signal });
  }

  /** Those that a run has used are freed already: a second time does nothing. */
  private dropStates(cut: number): void {
    freeAll(this.states[cut] ?? []);
    this.states[cut] = [];
  }

  private stateAt(cut: number, chunk: number): KeptState {
    const state = this.states[cut]?.[chunk];
    if (!state) throw new EspalierError('bug', `There is no hidden state at cut ${cut}.`);
    return state;
  }

  private restored(gradient: readonly Float32Array[]): KeptState[] {
    const { chain, chunks } = this.job;
    return chunks.map(({ rows, length }, at) => {
      const dims = [rows, length, chain.programs.stateSize];
      const data = gradient[at] ?? new Float32Array();
      return keepHost(chain.engine, { type: 'float32', dims, data });
    });
  }

  private values(): Promise<Float32Array[]> {
    return Promise.all(this.gradient.map((state) => valuesOf(this.job.chain.engine, state)));
  }

  private async tell(cut: number): Promise<void> {
    if (this.hooks.onGradient) this.hooks.onGradient(cut, await this.values());
  }
}

/** The sums of a block's weight gradients over the chunks so far. */
class Parts {
  readonly shapes = new Map<string, Shape>();
  private readonly held = new Map<string, { feed: DeviceTensor; free(): void }>();

  constructor({ engine }: Chain, { taps }: BlockGradient) {
    for (const { parts, name } of taps)
      for (const { part, dims } of parts) {
        const bytes = byteSize('float32', dims);
        const buffer = engine.allocate(bytes, 'scratch', `gradient of ${name}`);
        this.held.set(part, { feed: buffer.view('float32', dims), free: () => buffer.free() });
        this.shapes.set(part, { type: 'float32', dims });
        writeZeros(buffer);
      }
  }

  get feeds(): ReadonlyMap<string, DeviceTensor> {
    return new Map([...this.held].map(([part, { feed }]) => [part, feed]));
  }

  replace(part: string, feed: DeviceTensor): void {
    this.held.get(part)?.free();
    this.held.set(part, { feed, free: () => feed.free() });
  }

  free(): void {
    for (const { free } of this.held.values()) free();
    this.held.clear();
  }
}

/** Bytes of one write. */
const WRITE_BYTES = 2 ** 24;

/** A buffer may have been used before. */
function writeZeros(buffer: {
  bytes: number;
  write(offset: number, data: Uint8Array<ArrayBuffer>): void;
}): void {
  const zeros = new Uint8Array(Math.min(buffer.bytes, WRITE_BYTES));
  for (let at = 0; at < buffer.bytes; at += WRITE_BYTES)
    buffer.write(at, zeros.subarray(0, Math.min(WRITE_BYTES, buffer.bytes - at)));
}

/** The outputs that stay on the device: the gradient and the sums. */
function keptOutputs(
  { program }: BoundProgram,
  dims: readonly number[],
  parts: ReadonlyMap<string, Shape>,
): Map<string, Shape> {
  const kept = new Map<string, Shape>();
  for (const { name, target } of program.outputs) {
    if (target.kind === 'gradient') kept.set(name, { type: 'float32', dims });
    const shape = target.kind === 'weight-gradient' ? parts.get(target.part) : undefined;
    if (shape) kept.set(name, shape);
  }
  return kept;
}

function addScores(
  scores: Map<string, number>,
  { program }: BoundProgram,
  host: ReadonlyMap<string, HostTensor>,
): void {
  for (const { name, target } of program.outputs) {
    const tensor = host.get(name);
    if (target.kind === 'taylor' && tensor)
      scores.set(target.weight, (scores.get(target.weight) ?? 0) + Number(toFloat32(tensor)[0]));
  }
}

/** @throws EspalierError `bug` when the program has no such output */
function output(
  { program }: BoundProgram,
  host: ReadonlyMap<string, HostTensor>,
  kind: OutputTarget['kind'],
): HostTensor {
  const named = program.outputs.find(({ target }) => target.kind === kind);
  const tensor = named && host.get(named.name);
  if (!tensor) throw new EspalierError('bug', `${program.id} gave no ${kind}.`);
  return tensor;
}
