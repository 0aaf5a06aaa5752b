// What is asked of a training, and what it makes of a unit.

import type { BoundProgram } from '../../model/programs/program.ts';
import type { Unit } from '../../units.ts';
import type { RunShape } from '../shapes/programInputs.ts';
import type { Parameter } from './parameters.ts';

/** What is trained. */
export type TrainingMethod =
  | {
      /** y + scale x A B behind every linear product y = x W of the kept units. */
      method: 'lora';
      rank: number;
      /** alpha / rank */
      scale: number;
      /** Fused projections as one product, or each part of them apart. */
      matrices: 'fused' | 'split';
      /** Masks of dropout are fed for the input of every adapter while training. */
      dropout: boolean;
    }
  | {
      /** The stored floats themselves. */
      method: 'full';
      /** Blocks whose linear matrices are trained, numbered as in the original. */
      blocks: readonly number[];
      /** The norm vectors of these blocks, and of the last norm, too. */
      norms: boolean;
      /** The matrix of the head, too. */
      head: boolean;
    };

export interface TrainingOptions {
  /**
   * What runs, in order: a block, or what is left of one under the name of the sublayer that stays
   * (as `Chain.block` takes units).
   */
  kept: readonly Unit[];
  training: TrainingMethod;
  /** Share of KL(original || plan) in the loss, 0 to 1; the rest is the NLL of the next token. */
  kl: number;
  /** Shape of the largest chunk; others may be asked for later. */
  run: RunShape;
  /** Largest binding of the device in bytes: larger gradients come in parts. */
  maxBufferBytes: number;
  /** The device takes tensors of 4-bit integers as inputs; otherwise their floats are fed. */
  feedsNibbles: boolean;
}

/** A unit that runs, with what is trained in it. */
export interface TrainedUnit {
  unit: Unit;
  block: number;
  /** In the order of the graph, A before B; empty for a unit that stays as it is. */
  parameters: readonly Parameter[];
  /** (residual, parameters) -> residual, for any run shape; without dropout. */
  forward: BoundProgram;
  /** The same as training runs it: with dropout masks where dropout is on, else `forward`. */
  training: BoundProgram;
}
