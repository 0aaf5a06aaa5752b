// Forward and backward pass over a whole model on the wasm build of ONNX Runtime Web, all weights
// resident, all windows in one chunk or one window at a time. The product's pass is in runtime/.

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
import type { GradientPrograms } from '../gradientPrograms.ts';

type Tensors = Map<string, Ort.Tensor>;

/** Rows of equal length. */
export type Windows = readonly (readonly number[])[];

export interface Env {
  windows: Windows;
  residual?: Ort.Tensor;
  other?: Ort.Tensor;
  gradient?: Ort.Tensor;
  sides: Tensors;
  sums: Tensors;
}

/** What a pass gives, in float64 where it is a sum over the model. */
export interface Passed {
  /** Mean NLL of all predicted positions. */
  loss: number;
  /** L2 norm of dL/dh at every boundary, from the input of block 0 on. */
  gradNorm: number[];
  /** Per block: sum |W dL/dW| of each tap by its name in the model. */
  taylor: { name: string; kind: string; sublayer: string | null; value: number }[][];
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
    const env: Env = { windows, sides: new Map(), sums: new Map() };
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

  /** The whole criterion; with chunks of one window the gradients accumulate. */
  async backward(gradients: GradientPrograms, chunks: readonly Windows[]): Promise<Passed> {
    const n = this.#programs.blocks.length;
    const sums: Tensors[] = Array.from({ length: n }, () => new Map());
    const squares = new Array<number>(n + 1).fill(0);
    const taylor: Passed['taylor'] = Array.from({ length: n }, () => []);
    let [loss, count] = [0, 0];
    for (const windows of chunks) {
      const run = { rows: windows.length, length: windows[0]?.length ?? 0 };
      const { states, sides } = await this.forward(windows);
      const env: Env = { windows, sides, sums: new Map() };
      const head = gradients.head(run);
      const last = await this.run(head, { ...env, residual: states[n] as Ort.Tensor });
      const nll = output(head, last, 'nll').data as Float32Array;
      loss += nll.reduce((sum, x) => sum + x, 0);
      count += nll.length;
      let gradient = output(head, last, 'gradient');
      squares[n] = (squares[n] ?? 0) + squared(gradient);
      for (let at = n - 1; at >= 0; at--) {
        const { bound, taps } = gradients.block(at, run);
        const residual = states[at] as Ort.Tensor;
        const own = sums[at] as Tensors;
        const found = await this.run(bound, { ...env, residual, gradient, sums: own });
        gradient = output(bound, found, 'gradient');
        squares[at] = (squares[at] ?? 0) + squared(gradient);
        for (const { name, target } of bound.program.outputs) {
          const value = found.get(name) as Ort.Tensor;
          if (target.kind === 'weight-gradient') own.set(target.part, value);
          if (target.kind === 'taylor') taylor[at]?.push(tapOf(taps, target.weight, value));
        }
      }
    }
    for (let at = 0; at < n; at++) {
      const [first] = chunks;
      const run = { rows: first?.length ?? 0, length: first?.[0]?.length ?? 0 };
      const { scoring, taps } = gradients.block(at, run);
      if (!scoring) continue;
      const env: Env = { windows: first ?? [], sides: new Map(), sums: sums[at] as Tensors };
      const found = await this.run(scoring, env);
      for (const { name, target } of scoring.program.outputs)
        if (target.kind === 'taylor')
          taylor[at]?.push(tapOf(taps, target.weight, found.get(name) as Ort.Tensor));
    }
    return { loss: loss / count, gradNorm: squares.map(Math.sqrt), taylor };
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
      case 'residual':
        return given(env.residual);
      case 'other-residual':
        return given(env.other);
      case 'gradient':
        return given(env.gradient);
      case 'side':
        return given(env.sides.get(bound.sides.get(name) ?? ''));
      case 'weight-gradient': {
        const { part, dims } = source;
        const count = dims.reduce((n, d) => n * d, 1);
        return env.sums.get(part) ?? this.#numbers(type, new Array<number>(count).fill(0), dims);
      }
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

function output(bound: BoundProgram, found: Tensors, kind: 'nll' | 'gradient'): Ort.Tensor {
  const { name = '' } = bound.program.outputs.find(({ target }) => target.kind === kind) ?? {};
  return found.get(name) as Ort.Tensor;
}

function tapOf(
  taps: readonly { weight: string; name: string; kind: string; sublayer: string | null }[],
  weight: string,
  value: Ort.Tensor,
): Passed['taylor'][number][number] {
  const tap = taps.find((one) => one.weight === weight);
  if (!tap) throw new Error(`no tap ${weight}`);
  const { name, kind, sublayer } = tap;
  return { name, kind, sublayer, value: Number((value.data as Float32Array)[0]) };
}

function squared({ data }: Ort.Tensor): number {
  return (data as Float32Array).reduce((sum, x) => sum + x * x, 0);
}
