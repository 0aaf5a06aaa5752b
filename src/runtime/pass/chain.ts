// Runs the weightless programs of a model one at a time on an engine: embedding, side values,
// blocks, head; must not decide their order.

import { EspalierError, throwIfCancelled } from '../../errors.ts';
import {
  type BoundProgram,
  type ProgramInput,
  positionDims,
  type ScorePrograms,
} from '../../model/programs/program.ts';
import type { Folder } from '../../onnx/source.ts';
import { blockOf, sublayerOf, type Unit } from '../../units.ts';
import type { Compiled, DeviceTensor, Engine, Feed } from '../device/engine.ts';
import { byteSize, count, filled, type HostTensor, numbers, toFloat32 } from '../device/host.ts';
import { type HeadPiece, headPieces } from '../weights/headPieces.ts';
import { WeightStore } from '../weights/store.ts';
import type { Chunk } from '../weights/windows.ts';

export interface PrepareOptions {
  signal?: AbortSignal | undefined;
  onProgram?: ((done: number, total: number) => void) | undefined;
  onBytes?: ((bytes: number) => void) | undefined;
}

/** Side values of one run shape. */
interface Sides {
  values: Map<string, Feed>;
  free(): void;
}

/**
 * The programs of one model on one engine. Weights are loaded per part, sessions once per
 * structural class.
 */
export class Chain {
  readonly programs: ScorePrograms;
  readonly engine: Engine;
  readonly weights: WeightStore;
  /** Rows of one head run; set by the warm-up. */
  headRows = 1;
  /**
   * Positions of one head run when the logits of one row are too large to be had at once; null =
   * whole rows.
   */
  headTokens: number | null = null;
  /** Parts of blocks were run: they share the weights of their blocks. */
  ranSublayers = false;
  private readonly compiled = new Map<string, Compiled>();
  private readonly sides = new Map<string, Promise<Sides>>();
  private readonly zeros = new Map<string, HostTensor>();

  constructor(programs: ScorePrograms, folder: Folder, engine: Engine) {
    this.programs = programs;
    this.engine = engine;
    this.weights = new WeightStore(engine, folder);
  }

  /** Compiles every distinct program. @throws EspalierError from the engine. */
  async compile(options: PrepareOptions = {}): Promise<void> {
    const { embed, side, blocks, head } = this.programs;
    const distinct = new Map(
      [embed, ...blocks, head].map((bound) => [bound.program.id, bound.program]),
    );
    const total = distinct.size + (side ? 1 : 0);
    let done = 0;
    if (side) {
      this.compiled.set(side.program.id, await this.engine.compile(side.program, { cpu: true }));
      options.onProgram?.(++done, total);
    }
    for (const program of distinct.values()) {
      throwIfCancelled(options.signal);
      this.compiled.set(program.id, await this.engine.compile(program));
      options.onProgram?.(++done, total);
    }
  }

  /** Token ids to the residual stream (B, S, C). */
  async embed(chunk: Chunk): Promise<DeviceTensor> {
    return this.residual(this.programs.embed, chunk, null);
  }

  /**
   * One block, or one part of it, on one chunk: (B, S, C) -> (B, S, C). The input stays valid; the
   * block's weights are loaded.
   */
  async block(piece: Unit, state: DeviceTensor, chunk: Chunk): Promise<DeviceTensor> {
    const bound = this.boundOf(piece);
    if (typeof piece !== 'number') {
      this.ranSublayers = true;
      await this.prepareLate([bound]);
    }
    return this.residual(bound, chunk, state);
  }

  /** @throws EspalierError `bug` for what the model does not have. */
  boundOf(piece: Unit): BoundProgram {
    const part = sublayerOf(piece);
    const bound =
      part === null
        ? this.programs.blocks[blockOf(piece)]
        : this.programs.sublayers?.[blockOf(piece)]?.[part];
    if (!bound)
      throw new EspalierError('bug', `There is no ${part ? 'part' : 'block'} ${piece} to run.`);
    return bound;
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
  async nll(state: DeviceTensor, chunk: Chunk): Promise<number[]> {
    return (await this.nllPerToken(state, chunk)).map((row) => {
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
  async nllPerToken(state: DeviceTensor, chunk: Chunk): Promise<Float32Array[]> {
    const out = Array.from({ length: chunk.rows }, () => new Float32Array(chunk.length - 1));
    for (const piece of headPieces(chunk, this.headRows, this.headTokens)) {
      const [values = []] = await this.runHead(this.programs.head, piece, chunk, [state]);
      for (const [k, row] of values.entries()) out[piece.row + k]?.set(row, piece.from);
    }
    return out;
  }

  /**
   * One run of a program that ends in values per predicted token, on a piece of a chunk.
   * @param states final hidden states of the whole chunk: one, or the original's and the plan's for
   *   a program that compares them.
   * @returns for each output of the program the rows of the piece
   */
  async runHead(
    bound: BoundProgram,
    piece: HeadPiece,
    chunk: Chunk,
    states: readonly DeviceTensor[],
  ): Promise<Float32Array[][]> {
    const { rows, length } = piece.chunk;
    const { hiddenSize } = this.programs;
    const whole = piece.chunk === chunk;
    const start = (piece.row * chunk.length + piece.from) * hiddenSize;
    const parts = whole
      ? states
      : states.map((state) => this.engine.piece(state, start, [rows, length, hiddenSize]));
    try {
      const { host } = await this.engine.run(
        this.session(bound),
        await this.feeds(bound, piece.chunk, ...parts),
        new Map(),
      );
      return bound.program.outputs.map(({ name }) => this.rowsOf(host.get(name), rows, length - 1));
    } finally {
      if (!whole) for (const part of parts) part.free();
    }
  }

  /**
   * A residual stream of zeros for one row, (1, S, C): something to time programs with. The caller
   * frees it.
   */
  zeroState(length: number): { state: DeviceTensor; free(): void } {
    const type = this.programs.residualType;
    const dims = [1, length, this.programs.hiddenSize];
    const buffer = this.engine.allocate(byteSize(type, dims), 'hidden', 'warm-up state');
    buffer.write(0, new Uint8Array(byteSize(type, dims)));
    return { state: buffer.view(type, dims), free: () => buffer.free() };
  }

  /** Frees the side values of all shapes. */
  async freeSides(): Promise<void> {
    const all = [...this.sides.values()];
    this.sides.clear();
    for (const pending of all) (await pending.catch(() => null))?.free();
  }

  /** Frees weights, side values and sessions; hidden states belong to their makers. */
  async dispose(): Promise<void> {
    await this.freeSides();
    this.weights.dispose();
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

  private async residual(
    bound: BoundProgram,
    chunk: Chunk,
    state: DeviceTensor | null,
  ): Promise<DeviceTensor> {
    const output = bound.program.outputs.find((o) => o.target.kind === 'residual');
    if (!output) throw new EspalierError('bug', `${bound.program.id} has no residual output.`);
    const dims = [chunk.rows, chunk.length, this.programs.hiddenSize];
    const keep = new Map([[output.name, { type: output.type, dims }]]);
    const { kept } = await this.engine.run(
      this.session(bound),
      await this.feeds(bound, chunk, ...(state ? [state] : [])),
      keep,
    );
    const result = kept.get(output.name);
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

  /** @param state, other residual streams of the programs that read one or two. */
  private async feeds(
    bound: BoundProgram,
    chunk: Chunk,
    state?: DeviceTensor,
    other?: DeviceTensor,
  ): Promise<Map<string, Feed>> {
    const feeds = new Map(this.weights.feeds(bound));
    const sides = bound.sides.size > 0 ? await this.sideValues(chunk) : null;
    for (const input of bound.program.inputs) {
      if (input.source.kind === 'weight') continue;
      const value =
        input.source.kind === 'residual'
          ? state
          : input.source.kind === 'other-residual'
            ? other
            : input.source.kind === 'side'
              ? sides?.values.get(bound.sides.get(input.name) ?? '')
              : this.given(input, chunk);
      if (!value)
        throw new EspalierError(
          'bug',
          `${bound.program.id} reads ${input.name} (${input.source.kind}), which is not there.`,
        );
      feeds.set(input.name, value);
    }
    return feeds;
  }

  private sideValues(chunk: Chunk): Promise<Sides> {
    const key = `${chunk.rows}x${chunk.length}`;
    const known = this.sides.get(key) ?? this.computeSides(chunk);
    this.sides.set(key, known);
    return known;
  }

  /**
   * Mask, positions, rotary tables: computed on the CPU provider (a GPU's sin and cos may be off by
   * 2e-4), floats then moved to the device.
   */
  private async computeSides(chunk: Chunk): Promise<Sides> {
    const side = this.programs.side;
    const values = new Map<string, Feed>();
    const owned: { free(): void }[] = [];
    if (side) {
      const { host } = await this.engine.run(
        this.session(side),
        await this.feeds(side, chunk),
        new Map(),
      );
      for (const output of side.program.outputs) {
        const tensor = host.get(output.name);
        if (output.target.kind !== 'side' || !tensor) continue;
        values.set(output.target.value, this.toDevice(tensor, owned));
      }
    }
    return { values, free: () => owned.forEach((buffer) => void buffer.free()) };
  }

  private toDevice(tensor: HostTensor, owned: { free(): void }[]): Feed {
    const onDevice =
      this.engine.kind === 'webgpu' &&
      (tensor.type === 'float32' || tensor.type === 'float16') &&
      tensor.data.byteLength > 0;
    if (!onDevice) return tensor;
    const buffer = this.engine.allocate(tensor.data.byteLength, 'scratch', 'side value');
    owned.push(buffer);
    buffer.write(
      0,
      new Uint8Array(
        tensor.data.buffer as ArrayBuffer,
        tensor.data.byteOffset,
        tensor.data.byteLength,
      ),
    );
    return buffer.view(tensor.type, tensor.dims);
  }

  private given(input: ProgramInput, chunk: Chunk): HostTensor | null {
    const { rows, length } = chunk;
    switch (input.source.kind) {
      case 'ids':
        return numbers(input.type, [rows, length], chunk.ids);
      case 'targets':
        return numbers(
          input.type,
          [rows, length - 1],
          chunk.ids.filter((_, at) => at % length !== 0),
        );
      case 'attention-mask':
        return this.constant(input, [rows, length], 1);
      case 'positions': {
        const dims = positionDims(input.source.form, rows, length);
        return numbers(
          input.type,
          dims,
          Array.from({ length: count(dims) }, (_, at) => at % length),
        );
      }
      case 'constant':
        return this.constant(input, input.source.dims, input.source.value);
      case 'past': {
        const past = this.programs.staticPast ? length : 0;
        const size = { batch: rows, sequence: length, past };
        return this.constant(
          input,
          input.source.dims.map((dim) => (typeof dim === 'number' ? dim : size[dim])),
          0,
        );
      }
      default:
        return null;
    }
  }

  private constant(input: ProgramInput, dims: readonly number[], value: number): HostTensor {
    const key = `${input.type}:${value}:${dims.join('x')}`;
    const tensor = this.zeros.get(key) ?? filled(input.type, dims, value);
    this.zeros.set(key, tensor);
    return tensor;
  }
}
