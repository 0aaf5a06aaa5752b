// What programs read besides weights and hidden states: token ids, masks, positions, empty caches,
// and side values, which are computed once for each shape of a run.

import {
  type BoundProgram,
  type ProgramInput,
  positionDims,
  type ScorePrograms,
} from '../../model/programs/program.ts';
import type { Engine, Feed } from '../device/engine.ts';
import { count, filled, type HostTensor, numbers } from '../device/host.ts';
import type { Chunk } from '../weights/windows.ts';

/** Side values of one run shape. */
interface Sides {
  values: Map<string, Feed>;
  bytes: number;
  free(): void;
}

/** Runs the side program on a chunk: its outputs by name. */
type RunSide = (side: BoundProgram, chunk: Chunk) => Promise<ReadonlyMap<string, HostTensor>>;

/** Side values of tokens that are kept; beyond it they are computed again. */
const TOKEN_SIDE_BYTES = 256 * 2 ** 20;

export class InputValues {
  private readonly programs: ScorePrograms;
  private readonly engine: Engine;
  private readonly runSide: RunSide;
  private readonly sides = new Map<string, Promise<Sides>>();
  private readonly tokenSides: { chunk: Chunk; sides: Promise<Sides> }[] = [];
  private readonly constants = new Map<string, HostTensor>();

  constructor(programs: ScorePrograms, engine: Engine, runSide: RunSide) {
    this.programs = programs;
    this.engine = engine;
    this.runSide = runSide;
  }

  /** Frees the side values of all shapes. */
  async freeSides(): Promise<void> {
    const all = [...this.sides.values(), ...this.tokenSides.map(({ sides }) => sides)];
    this.sides.clear();
    this.tokenSides.length = 0;
    for (const pending of all) (await pending.catch(() => null))?.free();
  }

  /** Side values by the name of the graph value. */
  async sideValues(chunk: Chunk): Promise<ReadonlyMap<string, Feed>> {
    const key = `${chunk.rows}x${chunk.length}`;
    const known = this.sides.get(key) ?? this.computeSides(this.programs.side, chunk);
    this.sides.set(key, known);
    const { values } = await known;
    if (!this.programs.tokenSide) return values;
    return new Map([...values, ...(await this.ofTokens(this.programs.tokenSide, chunk))]);
  }

  /** Side values of these very tokens; the oldest make room for new ones. */
  private async ofTokens(program: BoundProgram, chunk: Chunk): Promise<Sides['values']> {
    let entry = this.tokenSides.find((known) => sameTokens(known.chunk, chunk));
    if (!entry) {
      entry = { chunk, sides: this.computeSides(program, chunk) };
      this.tokenSides.push(entry);
      const { bytes } = await entry.sides;
      const most = Math.max(1, Math.floor(TOKEN_SIDE_BYTES / Math.max(1, bytes)));
      while (this.tokenSides.length > most) (await this.tokenSides.shift()?.sides)?.free();
    }
    return (await entry.sides).values;
  }

  /** The value of an input that follows from the chunk alone; null for inputs of other kinds. */
  ofChunk(input: ProgramInput, chunk: Chunk): HostTensor | null {
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

  /**
   * Mask, positions, rotary tables: computed on the CPU provider (a GPU's sin and cos may be off by
   * 2e-4), floats then moved to the device.
   */
  private async computeSides(side: BoundProgram | null, chunk: Chunk): Promise<Sides> {
    let bytes = 0;
    const values = new Map<string, Feed>();
    const owned: { free(): void }[] = [];
    if (side) {
      const host = await this.runSide(side, chunk);
      for (const output of side.program.outputs) {
        const tensor = host.get(output.name);
        if (output.target.kind !== 'side' || !tensor) continue;
        values.set(output.target.value, this.toDevice(tensor, owned));
        bytes += tensor.data.byteLength;
      }
    }
    return { values, bytes, free: () => owned.forEach((buffer) => void buffer.free()) };
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

  private constant(input: ProgramInput, dims: readonly number[], value: number): HostTensor {
    const key = `${input.type}:${value}:${dims.join('x')}`;
    const tensor = this.constants.get(key) ?? filled(input.type, dims, value);
    this.constants.set(key, tensor);
    return tensor;
  }
}

function sameTokens(a: Chunk, b: Chunk): boolean {
  return (
    a === b ||
    (a.rows === b.rows && a.length === b.length && a.ids.every((id, at) => id === b.ids[at]))
  );
}
