// What training changes: values, their gradients, what the optimiser remembers, and the best values
// so far; in ordinary memory, and on a GPU the values there too.

import { firstFactor } from '../../analysis/adapters.ts';
import {
  type AdamWSettings,
  adamW,
  clipping,
  globalNorm,
  type Moments,
  noMoments,
} from '../../analysis/training/optimiser.ts';
import { EspalierError } from '../../errors.ts';
import { changesOf, type Parameter } from '../../grad/training/parameters.ts';
import type { WeightChange } from '../../model/healing/healing.ts';
import { BytesReader } from '../../onnx/bytes.ts';
import type { Folder } from '../../onnx/source.ts';
import type { DeviceBuffer, Engine, Feed } from '../device/engine.ts';
import { count } from '../device/host.ts';

/** Values, gradients, two moments, and the best values. */
const HOST_COPIES = 5;

/** Bytes that training holds for its parameters from beginning to end. */
export function parameterBytes(
  parameters: readonly Parameter[],
  { onHost }: Pick<Engine, 'onHost'>,
): number {
  const values = parameters.reduce((sum, { dims }) => sum + count(dims), 0);
  return 4 * values * (HOST_COPIES + (onHost ? 0 : 1));
}

/** One parameter. */
interface Held {
  parameter: Parameter;
  values: Float32Array<ArrayBuffer>;
  gradient: Float32Array<ArrayBuffer>;
  moments: Moments;
  best: Float32Array<ArrayBuffer>;
  /** On a GPU. */
  buffer: DeviceBuffer | null;
  feed: Feed;
}

/** What an interrupted training goes on from. */
export interface ParameterState {
  values: Float32Array[];
  m: Float32Array[];
  v: Float32Array[];
  best: Float32Array[];
}

export class Parameters {
  private readonly held: readonly Held[];
  private readonly byName: ReadonlyMap<string, Held>;
  private readonly close: () => void;

  private constructor(held: Held[], close: () => void) {
    this.held = held;
    this.byName = new Map(held.map((one) => [one.parameter.name, one]));
    this.close = close;
  }

  /**
   * Stored weights as they are, the first factor of each adapter by the seed, the second one 0.
   * @throws EspalierError `out-of-memory`; of the files
   */
  static async open(
    parameters: readonly Parameter[],
    seed: number,
    engine: Engine,
    folder: Folder,
  ): Promise<Parameters> {
    const reader = new BytesReader(folder);
    const held: Held[] = [];
    const bytes = parameterBytes(parameters, { onHost: true });
    const forget = engine.ledger.add('weights', bytes);
    const close = (): void => {
      forget();
      for (const { buffer } of held) buffer?.free();
    };
    try {
      for (const parameter of parameters) {
        const values = await initialValues(parameter, seed, reader);
        const size = values.length;
        const { dims, name } = parameter;
        const buffer = engine.onHost ? null : engine.allocate(4 * size, 'weights', name);
        buffer?.write(0, new Uint8Array(values.buffer));
        held.push({
          parameter,
          values,
          gradient: new Float32Array(size),
          moments: noMoments(size),
          best: values.slice(),
          buffer,
          feed: buffer ? buffer.view('float32', dims) : { type: 'float32', dims, data: values },
        });
      }
      return new Parameters(held, close);
    } catch (error) {
      close();
      throw error;
    }
  }

  get all(): readonly Parameter[] {
    return this.held.map(({ parameter }) => parameter);
  }

  /** What the programs of a unit read, by the names that they have for it. */
  feeds(parameters: readonly Parameter[]): ReadonlyMap<string, Feed> {
    return new Map(parameters.map(({ name, input }) => [input, this.of(name).feed]));
  }

  zeroGradients(): void {
    for (const { gradient } of this.held) gradient.fill(0);
  }

  /** Adds to the gradient of a parameter from element `offset` on. */
  addGradient({ name }: Parameter, offset: number, part: Float32Array): void {
    const { gradient } = this.of(name);
    for (let i = 0; i < part.length; i++) gradient[offset + i]! += part[i]!;
  }

  /** In the order of `all`; they change with the next step. */
  get gradients(): readonly Float32Array[] {
    return this.held.map(({ gradient }) => gradient);
  }

  /** L2 norm of all gradients together. */
  norm(): number {
    return globalNorm(this.gradients);
  }

  /**
   * A step of AdamW along the gradients, clipped.
   * @param t number of the step, from 1
   * @param between awaited after each tensor
   */
  async update(
    t: number,
    settings: AdamWSettings & { norm: number; maxNorm: number | null },
    between: () => Promise<void>,
  ): Promise<void> {
    const scale = clipping(settings.norm, settings.maxNorm);
    for (const { values, gradient, moments, buffer } of this.held) {
      adamW(values, gradient, moments, t, settings, scale);
      buffer?.write(0, new Uint8Array(values.buffer));
      await between();
    }
  }

  /** False when a value is infinite or not a number. */
  finite(): boolean {
    return this.held.every(({ values }) => values.every((value) => Number.isFinite(value)));
  }

  /** The values now are the best so far. */
  keepBest(): void {
    for (const { best, values } of this.held) best.set(values);
  }

  state(): ParameterState {
    const each = (of: (held: Held) => Float32Array): Float32Array[] => this.held.map(of);
    return {
      values: each(({ values }) => values),
      m: each(({ moments }) => moments.m),
      v: each(({ moments }) => moments.v),
      best: each(({ best }) => best),
    };
  }

  restore(state: ParameterState): void {
    for (const [k, { values, moments, best, buffer }] of this.held.entries()) {
      values.set(state.values[k]!);
      moments.m.set(state.m[k]!);
      moments.v.set(state.v[k]!);
      best.set(state.best[k]!);
      buffer?.write(0, new Uint8Array(values.buffer));
    }
  }

  /** What the best values change. @param scale of adapters: alpha / rank */
  changes(scale: number): WeightChange[] {
    const values = new Map(this.held.map(({ parameter, best }) => [parameter.name, best]));
    return changesOf(this.all, values, scale);
  }

  free(): void {
    this.close();
  }

  private of(name: string): Held {
    const held = this.byName.get(name);
    if (!held) throw new EspalierError('bug', `There is no parameter ${name}.`);
    return held;
  }
}

async function initialValues(
  { role, dims, block, slot, weight, name }: Parameter,
  seed: number,
  reader: BytesReader,
): Promise<Float32Array<ArrayBuffer>> {
  if (role === 'b') return new Float32Array(count(dims));
  if (role === 'a') return firstFactor({ seed, block: block === 'head' ? 0 : block, slot }, dims);
  if (weight?.type !== 'float32')
    throw new EspalierError('bug', `The weight ${name} is not stored as floats.`);
  const source = reader.open(weight.data);
  return new Float32Array((await source.read(0, source.size)).slice().buffer);
}
