// The runs of a training: loss and gradients of a step, and the loss alone on what is held out.

import type { TrainedUnit, TrainingPrograms } from '../../grad/trainingPrograms.ts';
import type { BoundProgram } from '../../model/programs/program.ts';
import type { Sequence } from '../../text/training/sequences.ts';
import type { Engine } from '../device/engine.ts';
import { count, type HostTensor, toFloat32 } from '../device/host.ts';
import {
  BackwardPass,
  type BlockWork,
  type HeadRun,
  type HeadWork,
  needOutput,
  type PassJob,
} from '../gradients/backwardPass.ts';
import { GradientSums } from '../gradients/sums.ts';
import type { Chain, ProgramStates } from '../pass/chain.ts';
import type { StageLoader } from '../pass/stageLoader.ts';
import type { HeadSlice } from '../weights/headSlices.ts';
import { type Dropout, dropoutMasks } from './dropout.ts';
import type { Parameters } from './parameters.ts';
import type { Teacher } from './teacher.ts';
import {
  type ChunkOptions,
  type WeightedChunk,
  weightedChunks,
  weightSum,
} from './trainingData.ts';
import type { TrainingPlan } from './trainingMemory.ts';

export interface RunsOptions {
  /** Of the plan's programs. */
  chain: Chain;
  loader: StageLoader;
  training: TrainingPrograms;
  parameters: Parameters;
  teacher: Teacher | null;
  plan: TrainingPlan;
  sequences: readonly Sequence[];
  chunks: ChunkOptions;
  /** Share of the KL divergence in the loss. */
  kl: number;
  signal: AbortSignal | undefined;
  turn: PassJob['turn'];
}

export class TrainingRuns {
  private readonly options: RunsOptions;

  constructor(options: RunsOptions) {
    this.options = options;
  }

  /**
   * Loss of a step over the sequences at these places, in nats per counted prediction; its
   * gradients are then those of the parameters.
   * @throws EspalierError what `turn` throws; errors of the engine and the weight store
   */
  async step(places: readonly number[], dropout: Dropout): Promise<number> {
    const { parameters, training, teacher } = this.options;
    parameters.zeroGradients();
    await teacher?.prepare(places);
    const chunks = this.chunksOf(places);
    const sum = weightSum(chunks.map(({ weights }) => weights));
    let loss = 0;
    let before = 0;
    for (const group of this.groups(chunks)) {
      const starts = startsOf(group, before);
      before += group.reduce((n, { rows }) => n + rows, 0);
      const masksOf = (unit: TrainedUnit, bound: BoundProgram, at: number) =>
        dropout.share > 0
          ? dropoutMasks(bound, group[at]!, dropout, starts[at]!, unit.block)
          : undefined;
      const pass = this.pass(group);
      const { units } = training;
      const trained = units.findIndex((unit) => unit.parameters.length > 0);
      const first = trained < 0 ? units.length : trained;
      try {
        await pass.forward({
          from: first,
          block: (k) => {
            const unit = units[k]!;
            const feeds = parameters.feeds(unit.parameters);
            return {
              bound: unit.training,
              feeds: (at) => ({ parameters: feeds, masks: masksOf(unit, unit.training, at) }),
            };
          },
        });
        loss += await new LossHead(this.options, group, sum, true).through(pass);
        for (let k = units.length - 1; k >= first; k--) {
          const unit = units[k]!;
          await pass.block(k, new TrainedBlock(this.options, unit, masksOf));
        }
      } finally {
        pass.free();
      }
    }
    return loss;
  }

  /** The same loss without gradients and dropout. */
  async loss(places: readonly number[]): Promise<number> {
    const { parameters, training, teacher } = this.options;
    const chunks = this.chunksOf(places);
    const sum = weightSum(chunks.map(({ weights }) => weights));
    let loss = 0;
    for (const group of this.groups(chunks)) {
      await teacher?.prepare(group.flatMap(({ windows }) => windows));
      const pass = this.pass(group);
      try {
        await pass.forward({
          from: training.units.length,
          block: (k) => {
            const { forward, parameters: own } = training.units[k]!;
            const feeds = parameters.feeds(own);
            return { bound: forward, feeds: () => ({ parameters: feeds }) };
          },
        });
        loss += await new LossHead(this.options, group, sum, false).through(pass);
      } finally {
        pass.free();
      }
    }
    return loss;
  }

  private chunksOf(places: readonly number[]): WeightedChunk[] {
    return weightedChunks(this.options.sequences, places, this.options.chunks);
  }

  private groups(chunks: readonly WeightedChunk[]): WeightedChunk[][] {
    const { group } = this.options.plan;
    return Array.from({ length: Math.ceil(chunks.length / group) }, (_, k) =>
      chunks.slice(k * group, (k + 1) * group),
    );
  }

  private pass(chunks: readonly WeightedChunk[]): BackwardPass {
    const { chain, loader, plan, signal, turn } = this.options;
    const { head, keepsForms } = plan;
    return new BackwardPass({ chain, loader, chunks, head, keepsForms, signal, turn });
  }
}

/** Place in the step of the first sequence of each chunk. */
function startsOf(chunks: readonly WeightedChunk[], before: number): number[] {
  let at = before;
  return chunks.map(({ rows }) => {
    at += rows;
    return at - rows;
  });
}

/** Loss of a group, with the gradients of what is trained in the head. */
class LossHead implements HeadWork {
  private readonly options: RunsOptions;
  private readonly chunks: readonly WeightedChunk[];
  private readonly sum: number;
  private readonly sums: GradientSums | null;
  private loss = 0;

  /** @param sum what all predictions of the step count together */
  constructor(
    options: RunsOptions,
    chunks: readonly WeightedChunk[],
    sum: number,
    gradients: boolean,
  ) {
    this.options = options;
    this.chunks = chunks;
    this.sum = sum;
    const { engine } = options.chain;
    this.sums = gradients ? sumsOf(engine, ofHead(options.training)) : null;
  }

  run = (slice: HeadSlice, at: number, state: HostTensor): HeadRun => {
    const { training, parameters, teacher } = this.options;
    const { rows, length } = slice.chunk;
    const feeds: ProgramStates = {
      parameters: parameters.feeds(ofHead(training)),
      parts: this.sums?.feeds,
      lossWeights: {
        type: 'float32',
        dims: [rows, length - 1],
        data: this.weightsOf(slice, at).map((weight) => weight / this.sum),
      },
      ...(teacher && { residual: this.taught(teacher, slice, at), other: state }),
    };
    const bound = this.sums ? training.head({ rows, length }).bound : training.measure;
    return { bound, feeds };
  };

  take: HeadWork['take'] = (slice, at, bound, { host, device }) => {
    const { kl } = this.options;
    const nll = toFloat32(needOutput(bound, host, 'nll'));
    const divergence = kl > 0 ? toFloat32(needOutput(bound, host, 'compared')) : nll;
    const weights = this.weightsOf(slice, at);
    for (const [k, weight] of weights.entries()) {
      // What does not count may be infinite.
      if (weight === 0) continue;
      this.loss += weight * ((kl < 1 ? (1 - kl) * nll[k]! : 0) + kl * divergence[k]!);
    }
    this.sums?.take(bound, device);
  };

  shapeOf: BlockWork['shapeOf'] = (target) => this.sums?.shapeOf(target);

  /** Runs it, takes the gradients out and frees them. @returns this group's part of the loss */
  async through(pass: BackwardPass): Promise<number> {
    const { training, parameters } = this.options;
    try {
      await pass.head(this);
      if (this.sums) await addGradients(this.sums, ofHead(training), parameters);
      return this.loss / this.sum;
    } finally {
      this.sums?.free();
    }
  }

  /** What each prediction of a slice counts, row by row. */
  private weightsOf({ row, from, chunk }: HeadSlice, at: number): Float32Array {
    const { length, weights } = this.chunks[at]!;
    const start = row * (length - 1) + from;
    // Whole rows follow each other; of a stretch there is one row.
    return weights.subarray(start, start + chunk.rows * (chunk.length - 1));
  }

  /** The original's last hidden states of a slice; 0 at padding. */
  private taught(teacher: Teacher, { row, from, chunk }: HeadSlice, at: number): HostTensor {
    const { stateSize } = this.options.chain.programs;
    const { rows, length } = chunk;
    const data = new Float32Array(rows * length * stateSize);
    for (let k = 0; k < rows; k++) {
      const state = teacher.state(this.chunks[at]!.windows[row + k]!);
      const part = state.subarray(from * stateSize, (from + length) * stateSize);
      data.set(part, k * length * stateSize);
    }
    return { type: 'float32', dims: [rows, length, stateSize], data };
  }
}

/** Gradients of what is trained in a unit. */
class TrainedBlock implements BlockWork {
  private readonly options: RunsOptions;
  private readonly unit: TrainedUnit;
  private readonly masksOf: (
    unit: TrainedUnit,
    bound: BoundProgram,
    at: number,
  ) => ProgramStates['masks'];
  private readonly sums: GradientSums;
  private readonly parameters: ProgramStates['parameters'];

  constructor(options: RunsOptions, unit: TrainedUnit, masksOf: TrainedBlock['masksOf']) {
    this.options = options;
    this.unit = unit;
    this.masksOf = masksOf;
    this.sums = sumsOf(options.chain.engine, unit.parameters);
    this.parameters = options.parameters.feeds(unit.parameters);
  }

  programs({ rows, length }: WeightedChunk): [BoundProgram] {
    return [this.options.training.backward(this.unit, { rows, length }).bound];
  }

  feeds(chunk: WeightedChunk, at: number): ProgramStates {
    const { unit, parameters, sums } = this;
    return {
      parameters,
      parts: sums.feeds,
      masks: this.masksOf(unit, this.programs(chunk)[0], at),
    };
  }

  shapeOf: BlockWork['shapeOf'] = (target) => this.sums.shapeOf(target);

  take: BlockWork['take'] = (bound, { device }) => this.sums.take(bound, device);

  finish(): Promise<void> {
    return addGradients(this.sums, this.unit.parameters, this.options.parameters);
  }

  free(): void {
    this.sums.free();
  }
}

function ofHead({ parameters }: TrainingPrograms): TrainingPrograms['parameters'] {
  return parameters.filter(({ block }) => block === 'head');
}

function sumsOf(engine: Engine, parameters: TrainingPrograms['parameters']): GradientSums {
  return new GradientSums(
    engine,
    parameters.flatMap(({ parts, name }) =>
      parts.map((part) => ({ ...part, label: `gradient of ${name}` })),
    ),
  );
}

/** Reads sums back; parts of a parameter are stretches of it, one behind the other. */
async function addGradients(
  sums: GradientSums,
  own: TrainingPrograms['parameters'],
  parameters: Parameters,
): Promise<void> {
  for (const parameter of own) {
    let offset = 0;
    for (const { part, dims } of parameter.parts) {
      parameters.addGradient(parameter, offset, await sums.read(part));
      offset += count(dims);
    }
  }
}
