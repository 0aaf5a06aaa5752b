// One step of training on the wasm build of ONNX Runtime Web, for tests of this room: loss and
// gradients of all parameters. The training loop is in runtime/heal/.

import type * as Ort from 'onnxruntime-web/wasm';
import { firstFactor } from '../../analysis/adapters.ts';
import type { BoundProgram, ScorePrograms } from '../../model/programs/program.ts';
import type { Structure } from '../../model/structure/structure.ts';
import { BytesReader } from '../../onnx/bytes.ts';
import { elementCount } from '../../onnx/graph.ts';
import type { Folder } from '../../onnx/source.ts';
import type { Unit } from '../../units.ts';
import {
  makeTrainingPrograms,
  type Parameter,
  type TrainingMethod,
  type TrainingPrograms,
} from '../trainingPrograms.ts';
import { Driver, type Env, type Windows } from './driver.ts';

export interface OpenedPrograms {
  folder: Folder;
  structure: Structure;
  programs: ScorePrograms;
}

type Values = Map<string, Float32Array>;

export const normOf = (v: Float32Array): number => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));

const floats = (tensor: Ort.Tensor | undefined): Float32Array => tensor?.data as Float32Array;

export class Trainer {
  readonly made: TrainingPrograms;
  /** By name; a test may change them. */
  readonly values: Values = new Map();
  /** What each prediction counts, row by row; their sum is 1. */
  weights: Float32Array;
  readonly #driver: Driver;
  readonly #reader: BytesReader;
  readonly #windows: Windows;
  readonly #env: Env;
  readonly #kl: number;
  readonly #ends: { embed: Ort.Tensor; teacher: Ort.Tensor };
  readonly #masks = new Map<string, Ort.Tensor>();

  private constructor(
    made: TrainingPrograms,
    folder: Folder,
    driver: Driver,
    env: Env,
    kl: number,
    ends: { embed: Ort.Tensor; teacher: Ort.Tensor },
  ) {
    this.made = made;
    this.#driver = driver;
    this.#reader = new BytesReader(folder);
    this.#env = env;
    this.#windows = env.windows;
    this.#kl = kl;
    this.#ends = ends;
    const [rows, length] = [this.#windows.length, this.#windows[0]?.length ?? 0];
    this.weights = new Float32Array(rows * (length - 1)).fill(1 / (rows * (length - 1)));
  }

  static async open(
    { structure, programs, folder }: OpenedPrograms,
    kept: readonly Unit[],
    training: TrainingMethod,
    kl: number,
    windows: Windows,
    maxBufferBytes = 2 ** 27,
  ): Promise<Trainer> {
    const run = { rows: windows.length, length: windows[0]?.length ?? 0 };
    const made = makeTrainingPrograms(structure, programs, {
      ...{ kept, training, kl, run, maxBufferBytes, feedsNibbles: true },
    });
    const driver = await Driver.open(programs, folder);
    const { states, sides } = await driver.forward(windows);
    const ends = { embed: states[0] as Ort.Tensor, teacher: states.at(-1) as Ort.Tensor };
    return new Trainer(made, folder, driver, { windows, sides }, kl, ends);
  }

  close(): Promise<void> {
    return this.#driver.close();
  }

  /** Adapters as LoRA starts them, stored weights as they are. */
  async start(seed: number): Promise<void> {
    for (const { name, role, dims, block, slot, weight } of this.made.parameters) {
      if (weight) {
        const { data } = weight;
        const bytes = await this.#reader.open(data).read(0, data.length);
        this.values.set(name, new Float32Array(bytes.slice().buffer));
      } else if (role === 'a')
        this.values.set(name, firstFactor({ seed, block: Number(block), slot }, dims));
      else this.values.set(name, new Float32Array(elementCount(dims)));
    }
  }

  /** Masks of dropout, from which every third number of an input is missing. */
  mask(): void {
    for (const { training } of this.made.units)
      for (const { source } of training.program.inputs) {
        if (source.kind !== 'dropout-mask') continue;
        const dims = [this.#windows.length, this.#windows[0]?.length ?? 0, source.width];
        const values = new Float32Array(elementCount(dims)).map((_, k) => (k % 3 ? 1.5 : 0));
        this.#masks.set(`mask of ${source.parameter}`, this.#driver.state(values, dims));
      }
  }

  /** The loss alone, from the forward pass. */
  async loss(): Promise<number> {
    return (await this.#forward()).loss;
  }

  /** The loss as it is measured: without dropout, every position alike. */
  async measured(): Promise<{ nll: Float32Array; kl: Float32Array }> {
    let residual = this.#ends.embed;
    for (const { forward, parameters } of this.made.units) {
      const found = await this.#run(forward, parameters, { residual });
      residual = [...found.values()][0] as Ort.Tensor;
    }
    const { measure } = this.made;
    const found = await this.#run(measure, this.#headParameters(), this.#headStates(residual));
    return {
      nll: this.#output(measure, found, 'nll'),
      kl: this.#output(measure, found, 'compared'),
    };
  }

  /** Loss, and gradients of all parameters by name. */
  async step(): Promise<{ loss: number; gradients: Values }> {
    const { states, loss, head, found } = await this.#forward();
    const gradients: Values = new Map();
    this.#collect(head, found, this.#headParameters(), gradients);
    const dims = states[0]?.dims ?? [];
    let gradient = this.#driver.state(this.#output(head, found, 'gradient'), dims);
    for (const [at, unit] of [...this.made.units.entries()].reverse()) {
      const run = { rows: this.#windows.length, length: this.#windows[0]?.length ?? 0 };
      const { bound } = this.made.backward(unit, run);
      const residual = states[at] as Ort.Tensor;
      const outputs = await this.#run(bound, unit.parameters, { residual, gradient });
      this.#collect(bound, outputs, unit.parameters, gradients);
      gradient = this.#driver.state(this.#output(bound, outputs, 'gradient'), dims);
    }
    return { loss, gradients };
  }

  async #forward() {
    const states: Ort.Tensor[] = [this.#ends.embed];
    for (const { training, parameters } of this.made.units) {
      const residual = states.at(-1) as Ort.Tensor;
      const found = await this.#run(training, parameters, { residual });
      states.push([...found.values()][0] as Ort.Tensor);
    }
    const run = { rows: this.#windows.length, length: this.#windows[0]?.length ?? 0 };
    const { bound: head } = this.made.head(run);
    const last = this.#headStates(states.at(-1) as Ort.Tensor);
    const found = await this.#run(head, this.#headParameters(), last);
    const nll = this.#output(head, found, 'nll');
    const kl = this.#output(head, found, 'compared');
    const share = this.#kl;
    const loss = this.weights.reduce((sum, w, k) => {
      const one = (1 - share) * (nll[k] ?? 0) + (share > 0 ? share * (kl[k] ?? 0) : 0);
      return sum + w * one;
    }, 0);
    return { states, loss, head, found };
  }

  #headStates(last: Ort.Tensor): Partial<Env> {
    return this.#kl > 0 ? { residual: this.#ends.teacher, other: last } : { residual: last };
  }

  #headParameters(): Parameter[] {
    return this.made.parameters.filter(({ block }) => block === 'head');
  }

  #run(bound: BoundProgram, parameters: readonly Parameter[], states: Partial<Env>) {
    const trained = new Map(this.#masks);
    for (const { name, input, dims, parts } of parameters) {
      trained.set(input, this.#driver.state(this.values.get(name) as Float32Array, dims));
      for (const part of parts) {
        const zeros = new Float32Array(elementCount(part.dims));
        trained.set(part.part, this.#driver.state(zeros, part.dims));
      }
    }
    const { weights } = this;
    const rows = this.#windows.length;
    const lossWeights = this.#driver.state(weights, [rows, weights.length / rows]);
    return this.#driver.run(bound, { ...this.#env, ...states, trained, lossWeights });
  }

  #output({ program }: BoundProgram, found: ReadonlyMap<string, Ort.Tensor>, kind: string) {
    const output = program.outputs.find(({ target }) => target.kind === kind);
    return output ? floats(found.get(output.name)) : new Float32Array();
  }

  #collect(
    { program }: BoundProgram,
    found: ReadonlyMap<string, Ort.Tensor>,
    parameters: readonly Parameter[],
    to: Values,
  ): void {
    const parts = new Map<string, Float32Array>();
    for (const { name, target } of program.outputs)
      if (target.kind === 'weight-gradient') parts.set(target.part, floats(found.get(name)));
    for (const parameter of parameters)
      to.set(
        parameter.name,
        Float32Array.from(parameter.parts.flatMap(({ part }) => [...(parts.get(part) ?? [])])),
      );
  }
}

/**
 * Relative difference of the derivative along the gradient, every parameter moved by the same share
 * of its length: by the gradients, and by the five-point formula on the loss.
 * @param step of the formula, relative to the length of each parameter.
 */
export async function trainingError(trainer: Trainer, step: number): Promise<number> {
  const { gradients } = await trainer.step();
  const start = new Map([...trainer.values].map(([name, values]) => [name, values.slice()]));
  let slope = 0;
  const directions = new Map<string, Float32Array>();
  for (const [name, values] of start) {
    const gradient = gradients.get(name) as Float32Array;
    const [size, length] = [normOf(gradient), normOf(values)];
    slope += size * length;
    directions.set(
      name,
      gradient.map((g) => (size > 0 ? (g / size) * length : 0)),
    );
  }
  const at = (by: number): Promise<number> => {
    for (const [name, values] of start) {
      const direction = directions.get(name) as Float32Array;
      trainer.values.set(
        name,
        values.map((x, k) => x + by * step * (direction[k] ?? 0)),
      );
    }
    return trainer.loss();
  };
  const near = (await at(0.5)) - (await at(-0.5));
  const far = (await at(1)) - (await at(-1));
  for (const [name, values] of start) trainer.values.set(name, values);
  return Math.abs((8 * near - far) / (6 * step) / slope - 1);
}
