// Runs score programs one after the other on the wasm build of ONNX Runtime Web, for tests; the
// product's executor is in runtime/.

import type * as Ort from 'onnxruntime-web/wasm';
import { isRange } from '../../onnx/graph.ts';
import type { Folder } from '../../onnx/source.ts';
import { blockOf, sublayerOf, type Unit } from '../../units.ts';
import {
  type BoundProgram,
  type ElementType,
  type InputSource,
  positionDims,
  type ScorePrograms,
  type WeightRef,
} from '../programs/program.ts';
import { runtime } from './ort.ts';

type Tensors = Record<string, Ort.Tensor>;

/** Sessions of all programs of a model with their weights loaded. */
export class Chain {
  readonly programs: ScorePrograms;
  readonly #ort: typeof Ort;
  readonly #sessions = new Map<string, Ort.InferenceSession>();
  readonly #weights = new Map<BoundProgram, Tensors>();
  readonly #folder: Folder;

  private constructor(ort: typeof Ort, programs: ScorePrograms, folder: Folder) {
    this.#ort = ort;
    this.#folder = folder;
    this.programs = programs;
  }

  static async open(programs: ScorePrograms, folder: Folder): Promise<Chain> {
    return new Chain(await runtime(), programs, folder);
  }

  async #load(bound: BoundProgram): Promise<{ session: Ort.InferenceSession; weights: Tensors }> {
    const { id, bytes } = bound.program;
    const session =
      this.#sessions.get(id) ??
      (await this.#ort.InferenceSession.create(bytes, { logSeverityLevel: 3 }));
    this.#sessions.set(id, session);
    const known = this.#weights.get(bound);
    if (known) return { session, weights: known };
    const weights: Tensors = {};
    for (const [name, ref] of bound.weights)
      weights[name] = this.#tensor(ref.type, await bytesOf(ref, this.#folder), ref.dims);
    this.#weights.set(bound, weights);
    return { session, weights };
  }

  async close(): Promise<void> {
    for (const session of this.#sessions.values()) await session.release();
  }

  /**
   * NLL (windows, S - 1) without the units in `skip`; all windows in one batch where that is exact.
   * @param halved run every block as its two sublayers, one after the other.
   */
  async nll(
    windows: readonly number[][],
    skip: readonly Unit[] = [],
    halved = false,
  ): Promise<number[][]> {
    const left = this.#left(skip, halved);
    if (!this.programs.rowsInteract || windows.length <= 1) return this.#batch(windows, left);
    const rows: number[][] = [];
    for (const window of windows) rows.push(...(await this.#batch([window], left)));
    return rows;
  }

  /** The programs between embedding and head. */
  #left(skip: readonly Unit[], halved: boolean): BoundProgram[] {
    const parts = new Map(skip.map((unit) => [blockOf(unit), sublayerOf(unit)]));
    return this.programs.blocks.flatMap((block, b) => {
      const sublayer = parts.get(b);
      if (sublayer === null) return [];
      if (sublayer === undefined && !halved) return [block];
      const sublayers = this.programs.sublayers?.[b];
      if (!sublayers) throw new Error(`block ${b} has no sublayers`);
      return (['attn', 'ffn'] as const)
        .filter((name) => name !== sublayer)
        .map((name) => {
          const bound = sublayers[name];
          if (!bound) throw new Error(`block ${b} has no program ${name}`);
          return bound;
        });
    });
  }

  async #batch(windows: readonly number[][], left: readonly BoundProgram[]): Promise<number[][]> {
    const [b, s] = [windows.length, windows[0]?.length ?? 0];
    const env: Env = {
      b,
      s,
      ids: windows.flat(),
      targets: windows.flatMap((w) => w.slice(1)),
      residual: null,
      sides: {},
    };
    const { embed, side, head } = this.programs;
    env.residual = (await this.#run(embed, env))[0] ?? null;
    if (side) {
      const outputs = await this.#run(side, env);
      side.program.outputs.forEach(({ target }, k) => {
        if (target.kind === 'side' && outputs[k]) env.sides[target.value] = outputs[k];
      });
    }
    for (const bound of left) env.residual = (await this.#run(bound, env))[0] ?? null;
    const [nll] = await this.#run(head, env);
    const flat = Array.from((nll?.data ?? []) as Float32Array);
    return windows.map((_, w) => flat.slice(w * (s - 1), (w + 1) * (s - 1)));
  }

  async #run(bound: BoundProgram, env: Env): Promise<Ort.Tensor[]> {
    const { session, weights } = await this.#load(bound);
    const feeds: Tensors = { ...weights };
    for (const input of bound.program.inputs) {
      if (input.source.kind === 'weight') continue;
      feeds[input.name] = this.#feed(
        input.source,
        input.type,
        env,
        env.sides[bound.sides.get(input.name) ?? ''],
      );
    }
    const results = await session.run(feeds);
    return bound.program.outputs.map((output) => results[output.name] as Ort.Tensor);
  }

  #feed(
    source: InputSource,
    type: ElementType,
    env: Env,
    side: Ort.Tensor | undefined,
  ): Ort.Tensor {
    const { b, s } = env;
    switch (source.kind) {
      case 'ids':
        return this.#integers(type, env.ids, [b, s]);
      case 'targets':
        return this.#integers(type, env.targets, [b, s - 1]);
      case 'attention-mask':
        return this.#integers(type, new Array(b * s).fill(1), [b, s]);
      case 'positions':
        return this.#integers(
          type,
          positionDims(source.form, b, s)
            .reduce((all, dim) => all.flatMap((row) => new Array<number>(dim).fill(row)), [0])
            .map((_, k) => k % s),
          positionDims(source.form, b, s),
        );
      case 'constant':
        return this.#integers(type, [source.value], source.dims);
      case 'past': {
        const sizes = { batch: b, sequence: s, past: 0 };
        const dims = source.dims.map((d) => (typeof d === 'number' ? d : sizes[d]));
        const elements = dims.reduce((n, d) => n * d, 1);
        return this.#tensor(type, new Uint8Array(elements * (type === 'float16' ? 2 : 4)), dims);
      }
      case 'residual':
        return env.residual as Ort.Tensor;
      default:
        if (!side) throw new Error('a side value is missing');
        return side;
    }
  }

  #integers(type: ElementType, values: readonly number[], dims: readonly number[]): Ort.Tensor {
    if (type === 'int64')
      return new this.#ort.Tensor('int64', BigInt64Array.from(values, BigInt), dims);
    if (type === 'int32') return new this.#ort.Tensor('int32', Int32Array.from(values), dims);
    return new this.#ort.Tensor('float32', Float32Array.from(values), dims);
  }

  #tensor(type: ElementType, bytes: Uint8Array, dims: readonly number[]): Ort.Tensor {
    const buffer = bytes.slice().buffer;
    switch (type) {
      case 'float32':
        return new this.#ort.Tensor(type, new Float32Array(buffer), dims);
      case 'float16':
      case 'uint16':
        return new this.#ort.Tensor(type, new Uint16Array(buffer), dims);
      case 'int64':
        return new this.#ort.Tensor(type, new BigInt64Array(buffer), dims);
      case 'int32':
        return new this.#ort.Tensor(type, new Int32Array(buffer), dims);
      case 'int8':
        return new this.#ort.Tensor(type, new Int8Array(buffer), dims);
      case 'uint8':
      case 'int4':
      case 'uint4':
      case 'bool':
        return new this.#ort.Tensor(type, new Uint8Array(buffer), dims);
      default:
        throw new Error(`no test tensor of type ${type}`);
    }
  }
}

interface Env {
  b: number;
  s: number;
  ids: number[];
  targets: number[];
  residual: Ort.Tensor | null;
  sides: Record<string, Ort.Tensor>;
}

async function bytesOf(ref: WeightRef, folder: Folder): Promise<Uint8Array> {
  if (ref.data instanceof Uint8Array) return ref.data;
  if (!isRange(ref.data)) throw new Error(`${ref.name} is computed`);
  const source = folder.open(ref.data.file);
  if (!source) throw new Error(`${ref.data.file} is missing`);
  return source.read(ref.data.offset, ref.data.length);
}
