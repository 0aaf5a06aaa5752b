// Runs single programs of this room on the wasm build of ONNX Runtime Web, and the forward pass
// whose states they start from. The backward pass over a model is in runtime/gradients/.

import type * as Ort from 'onnxruntime-web/wasm';
import {
  type BoundProgram,
  type ElementType,
  type ProgramInput,
  positionDims,
  type ScorePrograms,
} from '../../model/programs/program.ts';
import { runtime } from '../../model/testing/ort.ts';
import { BytesReader } from '../../onnx/bytes.ts';
import type { Folder } from '../../onnx/source.ts';

type Tensors = Map<string, Ort.Tensor>;

/** Rows of equal length. */
export type Windows = readonly (readonly number[])[];

export interface Env {
  windows: Windows;
  residual?: Ort.Tensor;
  other?: Ort.Tensor;
  gradient?: Ort.Tensor;
  /** Parameters, sums of their gradients and dropout masks by name. */
  trained?: ReadonlyMap<string, Ort.Tensor>;
  lossWeights?: Ort.Tensor;
  sides: Tensors;
}

export class Driver {
  readonly #ort: typeof Ort;
  readonly #reader: BytesReader;
  readonly #programs: ScorePrograms;
  readonly #sessions = new Map<string, Ort.InferenceSession>();

  private constructor(ort: typeof Ort, programs: ScorePrograms, folder: Folder) {
    this.#ort = ort;
    this.#programs = programs;
    this.#reader = new BytesReader(folder);
  }

  static async open(programs: ScorePrograms, folder: Folder): Promise<Driver> {
    return new Driver(await runtime(), programs, folder);
  }

  async close(): Promise<void> {
    for (const session of this.#sessions.values()) await session.release();
  }

  /** Hidden states at every boundary. */
  async forward(windows: Windows): Promise<{ states: Ort.Tensor[]; sides: Tensors }> {
    const env: Env = { windows, sides: new Map() };
    for (const bound of [this.#programs.side, this.#programs.tokenSide]) {
      if (!bound) continue;
      const found = await this.run(bound, env);
      for (const { name, target } of bound.program.outputs)
        if (target.kind === 'side') env.sides.set(target.value, found.get(name) as Ort.Tensor);
    }
    const states: Ort.Tensor[] = [];
    for (const bound of [this.#programs.embed, ...this.#programs.blocks]) {
      const residual = states.at(-1);
      const found = await this.run(bound, residual ? { ...env, residual } : env);
      states.push([...found.values()][0] as Ort.Tensor);
    }
    return { states, sides: env.sides };
  }

  /** A hidden state of float32 values. */
  state(values: Float32Array, dims: readonly number[]): Ort.Tensor {
    return new this.#ort.Tensor('float32', values, dims);
  }

  /** All outputs of a program by name. */
  async run(bound: BoundProgram, env: Env): Promise<Tensors> {
    const { id, bytes, inputs, outputs } = bound.program;
    const session =
      this.#sessions.get(id) ??
      (await this.#ort.InferenceSession.create(bytes, { logSeverityLevel: 3 }));
    this.#sessions.set(id, session);
    const feeds: Record<string, Ort.Tensor> = {};
    for (const input of inputs) feeds[input.name] = await this.#feed(input, bound, env);
    const results = await session.run(feeds);
    return new Map(outputs.map(({ name }) => [name, results[name] as Ort.Tensor]));
  }

  async #feed({ name, type, source }: ProgramInput, bound: BoundProgram, env: Env) {
    const { windows } = env;
    const [b, s] = [windows.length, windows[0]?.length ?? 0];
    const given = (tensor: Ort.Tensor | undefined): Ort.Tensor => {
      if (!tensor) throw new Error(`${bound.program.id} has nothing for ${name}`);
      return tensor;
    };
    switch (source.kind) {
      case 'ids':
        return this.#numbers(type, windows.flat(), [b, s]);
      case 'targets':
        return this.#numbers(
          type,
          windows.flatMap((w) => w.slice(1)),
          [b, s - 1],
        );
      case 'attention-mask':
        return this.#numbers(type, new Array<number>(b * s).fill(1), [b, s]);
      case 'positions': {
        const dims = positionDims(source.form, b, s);
        const count = dims.reduce((n, d) => n * d, 1);
        return this.#numbers(
          type,
          Array.from({ length: count }, (_, k) => k % s),
          dims,
        );
      }
      case 'constant':
        return this.#numbers(type, [source.value], source.dims);
      case 'past': {
        const size = { batch: b, sequence: s, past: this.#programs.staticPast ? s : 0 };
        const dims = source.dims.map((d) => (typeof d === 'number' ? d : size[d]));
        const count = dims.reduce((n, d) => n * d, 1);
        return this.#numbers(type, new Array<number>(count).fill(0), dims);
      }
      case 'gather':
        return given(undefined);
      case 'residual':
        return given(env.residual);
      case 'other-residual':
        return given(env.other);
      case 'gradient':
        return given(env.gradient);
      case 'side':
        return given(env.sides.get(bound.sides.get(name) ?? ''));
      case 'weight-gradient':
        return given(env.trained?.get(source.part));
      case 'parameter':
        return given(env.trained?.get(source.parameter));
      case 'dropout-mask':
        return given(env.trained?.get(`mask of ${source.parameter}`));
      case 'loss-weights':
        return given(env.lossWeights);
      case 'weight': {
        const ref = bound.weights.get(name);
        if (!ref) throw new Error(`${bound.program.id} has no weight ${name}`);
        const bytes = await this.#reader.open(ref.data).read(0, ref.data.length);
        return this.#tensor(ref.type, bytes, ref.dims);
      }
    }
  }

  #numbers(type: ElementType, values: readonly number[], dims: readonly number[]): Ort.Tensor {
    const { Tensor } = this.#ort;
    if (type === 'int64') return new Tensor(type, BigInt64Array.from(values, BigInt), dims);
    if (type === 'int32') return new Tensor(type, Int32Array.from(values), dims);
    return new Tensor('float32', Float32Array.from(values), dims);
  }

  #tensor(type: ElementType, bytes: Uint8Array, dims: readonly number[]): Ort.Tensor {
    const { buffer } = bytes.slice();
    const { Tensor } = this.#ort;
    switch (type) {
      case 'float32':
        return new Tensor(type, new Float32Array(buffer), dims);
      case 'float16':
        return new Tensor(type, new Uint16Array(buffer), dims);
      case 'int64':
        return new Tensor(type, new BigInt64Array(buffer), dims);
      case 'int32':
        return new Tensor(type, new Int32Array(buffer), dims);
      case 'int8':
        return new Tensor(type, new Int8Array(buffer), dims);
      case 'uint8':
      case 'uint4':
      case 'int4':
      case 'bool':
        return new Tensor(type, new Uint8Array(buffer), dims);
      default:
        throw new Error(`no test tensor of type ${type}`);
    }
  }
}
