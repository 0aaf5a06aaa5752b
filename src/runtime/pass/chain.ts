// Runs the programs of a model one at a time on an engine: embedding, side values, blocks, head. In
// which order is up to the callers.

import { EspalierError, throwIfCancelled } from '../../errors.ts';
import type {
  BoundProgram,
  GatherIndex,
  ProgramInput,
  ScorePrograms,
} from '../../model/programs/program.ts';
import type { Folder } from '../../onnx/source.ts';
import type { Unit } from '../../units.ts';
import type { Compiled, DeviceTensor, Engine, Feed, RunOutputs, Shape } from '../device/engine.ts';
import { byteSize, count, type HostTensor, toFloat32 } from '../device/host.ts';
import { type HeadSlice, headSlices } from '../weights/headSlices.ts';
import { programOf, sidePrograms } from '../weights/stages.ts';
import { WeightStore } from '../weights/store.ts';
import type { Chunk } from '../weights/windows.ts';
import { InputValues } from './inputValues.ts';

export interface PrepareOptions {
  signal?: AbortSignal | undefined;
  onProgram?: ((done: number, total: number) => void) | undefined;
  onBytes?: ((bytes: number) => void) | undefined;
}

/** What a run reads besides weights and what follows from its windows. */
export interface ProgramStates {
  /** (B, S, C) each. */
  residual?: Feed | undefined;
  other?: Feed | undefined;
  gradient?: Feed | undefined;
  /** Sums of weight gradients over the chunks so far, by part. */
  parts?: ReadonlyMap<string, Feed> | undefined;
  /** Values that training changes, by the names that the program has for them. */
  parameters?: ReadonlyMap<string, Feed> | undefined;
  /** What dropout keeps of the inputs of adapters, by the first factor of each. */
  masks?: ReadonlyMap<string, Feed> | undefined;
  /** (B, S - 1) */
  lossWeights?: Feed | undefined;
  /** What a packed program gathers by. */
  gathers?: ReadonlyMap<GatherIndex, Feed> | undefined;
}

/**
 * The programs of one model on one engine. Weights are loaded by stage, sessions once per
 * class of blocks.
 */
export class Chain {
  readonly programs: ScorePrograms;
  readonly engine: Engine;
  readonly weights: WeightStore;
  private readonly ownsWeights: boolean;
  /** Rows of one head run; set by the warm-up. */
  headRows = 1;
  /**
   * Positions of one head run when the logits of one row are too large to be computed at once;
   * null = whole rows.
   */
  headTokens: number | null = null;
  /** Sublayers were run: they share the weights of their blocks. */
  ranSublayers = false;
  private readonly compiled = new Map<string, Compiled>();
  private readonly inputs: InputValues;

  /** @param shared weights of another chain, which frees them. */
  constructor(programs: ScorePrograms, folder: Folder, engine: Engine, shared?: WeightStore) {
    this.programs = programs;
    this.engine = engine;
    this.weights = shared ?? new WeightStore(engine, folder);
    this.ownsWeights = !shared;
    this.inputs = new InputValues(programs, engine, async (side, chunk) => {
      const feeds = await this.feeds(side, chunk, {});
      return (await engine.run(this.session(side), feeds, new Map())).host;
    });
  }

  /**
   * Compiles every distinct program, or those of blocks alone with the side values that they read.
   * @throws EspalierError from the engine.
   */
  async compile(options: PrepareOptions & { blocksOnly?: boolean } = {}): Promise<void> {
    const { embed, blocks, head } = this.programs;
    const distinct = new Map(
      (options.blocksOnly ? blocks : [embed, ...blocks, head]).map((bound) => [
        bound.program.id,
        bound.program,
      ]),
    );
    const sides = sidePrograms(this.programs);
    const total = distinct.size + sides.length;
    let done = 0;
    for (const { program } of sides) {
      this.compiled.set(program.id, await this.engine.compile(program, { cpu: true }));
      options.onProgram?.(++done, total);
    }
    for (const program of distinct.values()) {
      throwIfCancelled(options.signal);
      this.compiled.set(program.id, await this.engine.compile(program));
      options.onProgram?.(++done, total);
    }
  }

  /**
   * Token ids to the residual stream (B, S, C).
   * @param programs here and below: this model, or the same with other weights (`healedPrograms`)
   */
  async embed(chunk: Chunk, programs = this.programs): Promise<DeviceTensor> {
    return this.residual(programs.embed, chunk, undefined);
  }

  /**
   * A block or a sublayer on one chunk: (B, S, C) -> (B, S, C). The input stays valid; the weights
   * of the block must be loaded.
   */
  async block(
    unit: Unit,
    state: Feed,
    chunk: Chunk,
    programs = this.programs,
  ): Promise<DeviceTensor> {
    const bound = this.boundOf(unit, programs);
    if (typeof unit !== 'number') {
      this.ranSublayers = true;
      await this.prepareLate([bound]);
    }
    return this.residual(bound, chunk, state);
  }

  /** As `programOf`. */
  boundOf(unit: Unit, programs = this.programs): BoundProgram {
    return programOf(programs, unit);
  }

  /**
   * Compiles programs that `compile` leaves out. @throws EspalierError from the engine,
   * `cancelled`.
   */
  async compileLate(programs: readonly BoundProgram[], signal?: AbortSignal): Promise<void> {
    for (const { program } of programs) {
      if (this.compiled.has(program.id)) continue;
      throwIfCancelled(signal);
      this.compiled.set(program.id, await this.engine.compile(program));
    }
  }

  /** The same, and binds their weights: where those came with another program, nothing is read. */
  async prepareLate(programs: readonly BoundProgram[], signal?: AbortSignal): Promise<void> {
    await this.compileLate(programs, signal);
    await this.weights.load(programs, { signal });
  }

  /**
   * Mean negative log-likelihood of each row in nats, accumulated in float64; a value that is not a
   * number counts as infinite.
   */
  async nll(state: DeviceTensor, chunk: Chunk, programs = this.programs): Promise<number[]> {
    return (await this.nllPerToken(state, chunk, programs)).map((row) => {
      let sum = 0;
      for (const value of row) sum += value;
      const mean = sum / row.length;
      return Number.isNaN(mean) ? Number.POSITIVE_INFINITY : mean;
    });
  }

  /**
   * (B, S - 1) values in nats, row by row; the head runs on `headRows` rows or `headTokens`
   * positions at a time, so that its logits stay small.
   */
  async nllPerToken(
    state: DeviceTensor,
    chunk: Chunk,
    programs = this.programs,
  ): Promise<Float32Array[]> {
    const out = Array.from({ length: chunk.rows }, () => new Float32Array(chunk.length - 1));
    for (const slice of headSlices(chunk, this.headRows, this.headTokens)) {
      const [values = []] = await this.runHead(programs.head, slice, chunk, [state]);
      for (const [k, row] of values.entries()) out[slice.row + k]?.set(row, slice.from);
    }
    return out;
  }

  /**
   * One run of any program that was compiled and whose weights are loaded.
   * @param keep outputs that stay on the device, as `Engine.run`.
   */
  async run(
    bound: BoundProgram,
    chunk: Chunk,
    states: ProgramStates,
    keep: ReadonlyMap<string, Shape>,
  ): Promise<RunOutputs> {
    return this.engine.run(this.session(bound), await this.feeds(bound, chunk, states), keep);
  }

  /**
   * One run of a program that ends in values per predicted token, on a slice of a chunk.
   * @param states final hidden states of the whole chunk: one, or the original's and the pruned
   *   model's for a program that compares them.
   * @returns for each output of the program the rows of the slice
   */
  async runHead(
    bound: BoundProgram,
    slice: HeadSlice,
    chunk: Chunk,
    states: readonly DeviceTensor[],
  ): Promise<Float32Array[][]> {
    const { rows, length } = slice.chunk;
    const { stateSize } = this.programs;
    const whole = slice.chunk === chunk;
    const start = (slice.row * chunk.length + slice.from) * stateSize;
    const inputs = whole
      ? states
      : states.map((state) => this.engine.slice(state, start, [rows, length, stateSize]));
    try {
      const [residual, other] = inputs;
      const { host } = await this.run(bound, slice.chunk, { residual, other }, new Map());
      return bound.program.outputs.map(({ name }) => this.rowsOf(host.get(name), rows, length - 1));
    } finally {
      if (!whole) for (const input of inputs) input.free();
    }
  }

  /**
   * A residual stream of zeros, (B, S, C), for one row unless told: something to time programs
   * with. The caller frees it.
   */
  zeroState(length: number, rows = 1): { state: DeviceTensor; free(): void } {
    const type = this.programs.residualType;
    const dims = [rows, length, this.programs.stateSize];
    const buffer = this.engine.allocate(byteSize(type, dims), 'hidden', 'warm-up state');
    buffer.write(0, new Uint8Array(byteSize(type, dims)));
    return { state: buffer.view(type, dims), free: () => buffer.free() };
  }

  /** Frees the side values of all shapes. */
  freeSides(): Promise<void> {
    return this.inputs.freeSides();
  }

  /** Frees weights, side values and sessions; hidden states belong to their makers. */
  async dispose(): Promise<void> {
    await this.freeSides();
    if (this.ownsWeights) this.weights.dispose();
    await this.engine.release([...this.compiled.values()]);
    this.compiled.clear();
    this.engine.trim();
  }

  private rowsOf(tensor: HostTensor | undefined, rows: number, width: number): Float32Array[] {
    if (!tensor || count(tensor.dims) !== rows * width)
      throw new EspalierError(
        'bug',
        `The head returned ${tensor ? tensor.dims.join(' x ') : 'nothing'} instead of ` +
          `${rows} x ${width} values.`,
      );
    const values = toFloat32(tensor);
    return Array.from({ length: rows }, (_, row) => values.slice(row * width, (row + 1) * width));
  }

  private residual(
    bound: BoundProgram,
    chunk: Chunk,
    residual: Feed | undefined,
  ): Promise<DeviceTensor> {
    return this.stream(bound, chunk, { residual });
  }

  /**
   * One run of a program that ends in a residual stream, (B, S, C).
   * @param lead other dims in place of (B, S), for states that are not rows of tokens
   */
  async stream(
    bound: BoundProgram,
    chunk: Chunk,
    states: ProgramStates,
    lead: readonly [number, number] = [chunk.rows, chunk.length],
  ): Promise<DeviceTensor> {
    const output = bound.program.outputs.find((o) => o.target.kind === 'residual');
    if (!output) throw new EspalierError('bug', `${bound.program.id} has no residual output.`);
    const dims = [...lead, this.programs.stateSize];
    const keep = new Map([[output.name, { type: output.type, dims }]]);
    const { device } = await this.run(bound, chunk, states, keep);
    const result = device.get(output.name);
    if (!result || result.dims.join() !== dims.join())
      throw new EspalierError(
        'bug',
        `${bound.program.id} returned a hidden state of ${result?.dims.join(' x ')} instead ` +
          `of ${dims.join(' x ')}.`,
      );
    return result;
  }

  private session(bound: BoundProgram): Compiled {
    const compiled = this.compiled.get(bound.program.id);
    if (!compiled) throw new EspalierError('bug', `${bound.program.id} is not compiled.`);
    return compiled;
  }

  private async feeds(
    bound: BoundProgram,
    chunk: Chunk,
    states: ProgramStates,
  ): Promise<Map<string, Feed>> {
    const feeds = new Map(this.weights.feeds(bound));
    const sides = bound.sides.size > 0 ? await this.inputs.sideValues(chunk) : null;
    const valueFor = (input: ProgramInput): Feed | null | undefined => {
      switch (input.source.kind) {
        case 'residual':
          return states.residual;
        case 'other-residual':
          return states.other;
        case 'gradient':
          return states.gradient;
        case 'weight-gradient':
          return states.parts?.get(input.source.part);
        case 'parameter':
          return states.parameters?.get(input.source.parameter);
        case 'dropout-mask':
          return states.masks?.get(input.source.parameter);
        case 'loss-weights':
          return states.lossWeights;
        case 'gather':
          return states.gathers?.get(input.source.which);
        case 'side':
          return sides?.get(bound.sides.get(input.name) ?? '');
        default:
          return this.inputs.ofChunk(input, chunk);
      }
    };
    for (const input of bound.program.inputs) {
      if (input.source.kind === 'weight') continue;
      const value = valueFor(input);
      if (!value)
        throw new EspalierError(
          'bug',
          `${bound.program.id} reads ${input.name} (${input.source.kind}), which is not there.`,
        );
      feeds.set(input.name, value);
    }
    return feeds;
  }
}
