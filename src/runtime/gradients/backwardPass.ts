// Forward and backward through the blocks of a chain: states between blocks kept, the head, then
// blocks from last to first with the weights of one at a time. What comes of the weights is up to
// the callers.

import { EspalierError } from '../../errors.ts';
import type { BoundProgram, OutputTarget } from '../../model/programs/program.ts';
import type { RunOutputs, Shape } from '../device/engine.ts';
import type { HostTensor } from '../device/host.ts';
import type { Chain, ProgramStates } from '../pass/chain.ts';
import type { StageLoader } from '../pass/stageLoader.ts';
import { type HeadSlice, headSlices } from '../weights/headSlices.ts';
import type { Stage } from '../weights/stages.ts';
import type { Chunk } from '../weights/windows.ts';
import { freeAll, heldOnDevice, type KeptState, keep, keepHost, valuesOf } from './states.ts';

/** How one run of the head is cut out of a chunk: rows, or positions of a row. */
export interface HeadLimits {
  rows: number;
  /** Null = whole rows. */
  tokens: number | null;
}

export interface PassJob {
  /** Of float32 programs. */
  chain: Chain;
  loader: StageLoader;
  chunks: readonly Chunk[];
  head: HeadLimits;
  /** Weights in other forms stay on the device when a block is through. */
  keepsForms?: boolean;
  signal: AbortSignal | undefined;
  /**
   * Between two runs: lets the event loop turn, and ends the job.
   * @throws EspalierError `cancelled`
   */
  turn(): Promise<void>;
}

/** How a block runs forward: other than by its score program alone. */
interface ForwardRun {
  bound: BoundProgram;
  /** Read besides the stream, for the chunk at this place. */
  feeds(at: number): ProgramStates;
}

export interface ForwardOptions {
  /** The stream before this block is the last; by default that after all. */
  to?: number;
  /** States before earlier blocks are not kept. */
  from?: number;
  block?(block: number): ForwardRun;
  onBlock?(block: number): void;
}

/** One run of the head. */
export interface HeadRun {
  bound: BoundProgram;
  /** Read besides tokens; the stream itself where it is not the plan's. */
  feeds: ProgramStates;
}

export interface HeadWork {
  /**
   * The run of a slice.
   * @param state a stretch of the last hidden state of the chunk at this place, as it is fed
   */
  run(slice: HeadSlice, at: number, state: HostTensor): HeadRun;
  /** What it gave, the gradient apart. */
  take(slice: HeadSlice, at: number, bound: BoundProgram, found: RunOutputs): void;
  /** How an output stays on the device; undefined where it is read back. */
  shapeOf?(target: OutputTarget): Shape | undefined;
}

/** What the backward runs of a block give besides gradients of the stream. */
export interface BlockWork {
  /** The program for a chunk, and others that need its weights. */
  programs(chunk: Chunk): readonly [main: BoundProgram, ...others: BoundProgram[]];
  /** Read besides streams and their gradients. */
  feeds(chunk: Chunk, at: number): ProgramStates;
  /** How an output stays on the device; asked for after `feeds`. */
  shapeOf(target: OutputTarget): Shape | undefined;
  /** What a run gave, the gradient of the stream apart. */
  take(bound: BoundProgram, found: RunOutputs): void;
  /** After the last chunk, with the weights still there. */
  finish?(chunk: Chunk): Promise<void>;
  free(): void;
}

export class BackwardPass {
  private readonly job: PassJob;
  /** By cut, then by chunk. */
  private readonly states: KeptState[][] = [];
  private gradient: KeptState[] = [];

  constructor(job: PassJob) {
    this.job = job;
  }

  /** States before the blocks `from` to `to`; none is computed for nothing. */
  async forward({ to, from = 0, block: runOf, onBlock }: ForwardOptions = {}): Promise<void> {
    const { chain, chunks } = this.job;
    const { engine } = chain;
    const all = chain.programs.blocks.length;
    const last = to ?? all;
    const held = (cut: number): ((tensor: Parameters<typeof keep>[1]) => Promise<KeptState>) =>
      cut >= from ? (tensor) => keep(engine, tensor) : async (tensor) => heldOnDevice(tensor);
    await this.visit('embed', last > 0 ? 0 : 'head');
    this.states[0] = [];
    for (const chunk of chunks) {
      await this.job.turn();
      this.states[0].push(await held(0)(await chain.embed(chunk)));
    }
    for (let block = 0; block < last; block++) {
      const end = last === all ? 'head' : last;
      await this.visit(block, block + 1 < last ? block + 1 : end);
      const after: KeptState[] = [];
      this.states[block + 1] = after;
      const run = runOf?.(block);
      const loaded = new Set<BoundProgram>();
      try {
        if (run) await this.load([run.bound], loaded);
        for (const [at, chunk] of chunks.entries()) {
          await this.job.turn();
          const before = this.stateAt(block, at);
          const made = run
            ? chain.stream(run.bound, chunk, { ...run.feeds(at), residual: before.feed })
            : chain.block(block, before.feed, chunk);
          after.push(await held(block + 1)(await made));
          if (block < from) before.free();
        }
      } finally {
        this.release(loaded);
      }
      onBlock?.(block);
    }
  }

  /** Runs the head; the gradient is then that after the last block, unless no run gives one. */
  async head(work: HeadWork): Promise<void> {
    const { chain, chunks, head } = this.job;
    const { stateSize, blocks } = chain.programs;
    await this.visit('head', blocks.length - 1);
    const loaded = new Set<BoundProgram>();
    try {
      for (const [at, chunk] of chunks.entries()) {
        const state = this.stateAt(blocks.length, at);
        const hidden = await valuesOf(chain.engine, state);
        let gradient: Float32Array<ArrayBuffer> | null = null;
        for (const slice of headSlices(chunk, head.rows, head.tokens)) {
          await this.job.turn();
          const { rows, length } = slice.chunk;
          const start = (slice.row * chunk.length + slice.from) * stateSize;
          const stretch = hidden.subarray(start, start + rows * length * stateSize);
          const residual = hostState(stretch, [rows, length, stateSize]);
          const { bound, feeds } = work.run(slice, at, residual);
          await this.load([bound], loaded);
          const kept = keptOutputs(bound, (target) => work.shapeOf?.(target));
          const found = await chain.run(bound, slice.chunk, { residual, ...feeds }, kept);
          work.take(slice, at, bound, found);
          const part = outputOf(bound, found.host, 'gradient');
          if (!part) continue;
          gradient ??= new Float32Array(chunk.rows * chunk.length * stateSize);
          const values = part.data as Float32Array;
          // The last position of a stretch predicts nothing: its row of zeros is that of the next.
          for (let row = 0; row < rows; row++)
            gradient.set(
              values.subarray(row * length * stateSize, ((row + 1) * length - 1) * stateSize),
              start + row * chunk.length * stateSize,
            );
        }
        state.free();
        if (!gradient) continue;
        const dims = [chunk.rows, chunk.length, stateSize];
        this.gradient.push(keepHost(chain.engine, hostState(gradient, dims)));
      }
    } finally {
      this.dropStates(blocks.length);
      this.release(loaded);
    }
  }

  /** Runs a block backwards; the gradient is then that before it. Frees `work`. */
  async block(block: number, work: BlockWork): Promise<void> {
    const { chain, chunks } = this.job;
    const { engine, programs } = chain;
    const loaded = new Set<BoundProgram>();
    const gradient: KeptState[] = [];
    try {
      await this.visit(block, block > 0 ? block - 1 : null);
      for (const [at, chunk] of chunks.entries()) {
        await this.job.turn();
        const all = work.programs(chunk);
        const [bound] = all;
        await this.load(all, loaded);
        const after = this.gradient[at];
        const before = this.stateAt(block, at);
        const feeds = { ...work.feeds(chunk, at), residual: before.feed, gradient: after?.feed };
        const own: Shape = {
          type: 'float32',
          dims: [chunk.rows, chunk.length, programs.stateSize],
        };
        const kept = keptOutputs(bound, (target) =>
          target.kind === 'gradient' ? own : work.shapeOf(target),
        );
        const found = await chain.run(bound, chunk, feeds, kept);
        before.free();
        for (const { name, target } of bound.program.outputs) {
          const tensor = found.device.get(name);
          if (target.kind === 'gradient' && tensor) gradient.push(await keep(engine, tensor));
        }
        work.take(bound, found);
        if (at === chunks.length - 1) await work.finish?.(chunk);
      }
    } catch (error) {
      freeAll(gradient);
      throw error;
    } finally {
      this.dropStates(block);
      work.free();
      this.release(loaded);
    }
    freeAll(this.gradient);
    this.gradient = gradient;
  }

  /** The last hidden states, taken over by the caller, by chunk. */
  takeStates(cut: number): KeptState[] {
    const states = this.states[cut] ?? [];
    this.states[cut] = [];
    return states;
  }

  /** The gradient of the stream where the pass stands, by chunk; valid until it goes on. */
  values(): Promise<Float32Array[]> {
    return Promise.all(this.gradient.map((state) => valuesOf(this.job.chain.engine, state)));
  }

  /** Goes on from a gradient of an earlier pass over the same chunks. */
  restore(gradient: readonly Float32Array[]): void {
    const { chain, chunks } = this.job;
    this.gradient = chunks.map(({ rows, length }, at) => {
      const data = gradient[at] ?? new Float32Array();
      return keepHost(chain.engine, hostState(data, [rows, length, chain.programs.stateSize]));
    });
  }

  free(): void {
    for (const states of this.states) freeAll(states ?? []);
    freeAll(this.gradient);
  }

  /** Those of the stages themselves are up to the loader. */
  private async load(programs: readonly BoundProgram[], loaded: Set<BoundProgram>): Promise<void> {
    const { blocks, head } = this.job.chain.programs;
    const fresh = programs.filter(
      (program) => !loaded.has(program) && program !== head && !blocks.includes(program),
    );
    if (fresh.length === 0) return;
    for (const program of fresh) loaded.add(program);
    await this.job.chain.prepareLate(fresh, this.job.signal);
  }

  private release(loaded: ReadonlySet<BoundProgram>): void {
    if (!this.job.keepsForms) this.job.chain.weights.release([...loaded]);
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
}

function hostState(data: Float32Array, dims: readonly number[]): HostTensor {
  return { type: 'float32', dims, data };
}

function keptOutputs(
  { program }: BoundProgram,
  shapeOf: (target: OutputTarget) => Shape | undefined,
): Map<string, Shape> {
  const kept = new Map<string, Shape>();
  for (const { name, target } of program.outputs) {
    const shape = shapeOf(target);
    if (shape) kept.set(name, shape);
  }
  return kept;
}

/** The output of that kind; undefined where the program has none. */
function outputOf(
  { program }: BoundProgram,
  host: ReadonlyMap<string, HostTensor>,
  kind: OutputTarget['kind'],
): HostTensor | undefined {
  const named = program.outputs.find(({ target }) => target.kind === kind);
  return named && host.get(named.name);
}

/** @throws EspalierError `bug` when the program has no such output */
export function needOutput(
  bound: BoundProgram,
  host: ReadonlyMap<string, HostTensor>,
  kind: OutputTarget['kind'],
): HostTensor {
  const tensor = outputOf(bound, host, kind);
  if (!tensor) throw new EspalierError('bug', `${bound.program.id} gave no ${kind}.`);
  return tensor;
}
