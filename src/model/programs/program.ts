// The weightless ONNX programs that a model is cut into: model/ makes them, runtime/ runs them.

import type { Bytes } from '../../onnx/source.ts';

/** Element types under the names that onnxruntime-web uses. */
export type ElementType =
  | 'float32'
  | 'float16'
  | 'float64'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'int4'
  | 'uint4';

/** A dimension of a state input: B rows, S tokens, the length of the cache, or a number. */
export type ProgramDim = number | 'batch' | 'sequence' | 'past';

/**
 * A weight: where its bytes are and how a program sees them. Weights with equal byte ranges share
 * one buffer, whatever their dims (tied tables).
 */
export interface WeightRef {
  name: string;
  type: ElementType;
  /** In elements, for 4-bit types too. */
  dims: readonly number[];
  /** Bytes on the device. */
  byteLength: number;
  /** The bytes for the device; derived while they are read where the file has another type. */
  data: Bytes;
}

/**
 * Shape of position ids: `rows` (B, S), `row` (S), or a number n for (n, B, S), one table for each
 * axis of a multimodal rotary embedding.
 */
export type PositionForm = 'rows' | 'row' | number;

/** Dimensions of position ids for B = `rows` and S = `length`. */
export function positionDims(form: PositionForm, rows: number, length: number): number[] {
  if (form === 'row') return [length];
  return form === 'rows' ? [rows, length] : [form, rows, length];
}

/**
 * Where the value of a program input comes from. B = rows (windows) of this run, S = tokens per
 * row. The size 'past' is 0 unless the program asks for a static cache.
 */
export type InputSource =
  | { kind: 'ids' } // token ids (B, S)
  | { kind: 'targets' } // next-token ids (B, S - 1), int64; the head only
  | { kind: 'attention-mask' } // ones (B, S)
  | { kind: 'positions'; form: PositionForm } // 0 .. S - 1 in every row
  | { kind: 'constant'; value: number; dims: readonly number[] } // e.g. num_logits_to_keep
  | { kind: 'past'; dims: readonly ProgramDim[] } // zeros
  | { kind: 'residual' } // (B, S, C)
  | { kind: 'other-residual' } // (B, S, C), of the plan that is compared with the original
  | { kind: 'side' } // a side value; the binding says which
  | { kind: 'weight' } // the binding says which
  | { kind: 'gradient' } // dL/d(residual stream after this program), (B, S, C) float32
  /** Sum over the chunks so far of a part of dL/dW, float32, zeros at first; of taps.ts. */
  | { kind: 'weight-gradient'; part: string; dims: readonly number[] }
  /** A value that training changes, float32; of its unit, which names it. */
  | { kind: 'parameter'; parameter: string; dims: readonly number[] }
  /** (B, S - 1) float32: what each prediction counts in the loss, divided by the step's sum. */
  | { kind: 'loss-weights' }
  /**
   * (B, S, width) float32: 1 / (1 - p) where an adapter keeps a number of its input, else 0. The
   * parameter is the first factor of the adapter.
   */
  | { kind: 'dropout-mask'; parameter: string; width: number }
  /** Which positions a packed program takes from where, int64; of packed/gathers.ts. */
  | { kind: 'gather'; which: GatherIndex };

/**
 * Where positions are gathered from, for B rows of T tokens that share N distinct positions:
 * `rows` (B, T), the position of each token of each row; `nodes` (1, N), a token of a row that
 * stands for each position; `predicting` (1, M + 1), the positions that the head reads.
 */
export type GatherIndex = 'rows' | 'nodes' | 'predicting';

export interface ProgramInput {
  name: string;
  type: ElementType;
  source: InputSource;
}

export type OutputTarget =
  | { kind: 'residual' }
  | { kind: 'side'; value: string }
  | { kind: 'nll' }
  | { kind: 'compared'; value: 'nll' | 'nll-other' | 'kl' | 'top' }
  | { kind: 'gradient' } // dL/d(residual stream before this program), (B, S, C) float32
  | { kind: 'weight-gradient'; part: string } // the sum so far with this chunk's part added
  | { kind: 'values' } // of every token, float32; who reads them knows which by their name
  | { kind: 'sum' } // over the tokens of this run, float32; who reads it knows which by its name
  /** sum |W dL/dW| of a weight, float32: a scalar, or one sum for each index on an axis. */
  | { kind: 'taylor'; weight: string };

export interface ProgramOutput {
  name: string;
  type: ElementType;
  target: OutputTarget;
}

/**
 * A weightless ONNX program. Blocks of one structural class share one compiled session, by `id`.
 */
export interface Program {
  id: string;
  /** A serialized ModelProto; the only constants in it are small (shapes, axes, flags). */
  bytes: Uint8Array;
  inputs: readonly ProgramInput[];
  outputs: readonly ProgramOutput[];
  /** How often each operator occurs: the device must have a kernel for each. */
  ops: Readonly<Record<string, number>>;
}

/** A program with the weights and side values of one place in the model. */
export interface BoundProgram {
  program: Program;
  /** Program input name to weight. */
  weights: ReadonlyMap<string, WeightRef>;
  /** Program input name to the name of the side value. */
  sides: ReadonlyMap<string, string>;
}

/**
 * What a block computes with one of its sublayers alone, residual stream to residual stream: `attn`
 * is the block without its feed-forward, `ffn` the block without its attention. Null where the
 * other one cannot be taken out.
 */
export interface BlockSublayers {
  attn: BoundProgram | null;
  ffn: BoundProgram | null;
}

/** What holds for the programs of a model as a whole. */
export interface ProgramTraits {
  /** True when the head treats every position alike and may be run on any range of positions. */
  headByPosition: boolean;
  residualType: 'float32' | 'float16';
  /** C, the width of the residual stream. */
  hiddenSize: number;
  /**
   * Width of the states between programs, which take the place of (B, S, C) throughout: C, or a
   * multiple of it where states carry earlier streams along for blocks that borrow a cache.
   */
  stateSize: number;
  vocabSize: number;
  /** True when blocks write into a static cache: 'past' is then S, not 0. */
  staticPast: boolean;
  /**
   * Why programs made for WebGPU must run on the CPU instead, as a sentence; null when they need
   * not.
   */
  wasmOnly: string | null;
  /**
   * True when an operator takes one scale over the whole batch (DynamicQuantizeLinear), so that
   * rows must be run one at a time.
   */
  rowsInteract: boolean;
  /** The rewrites that were applied, as phrases to show ("IsNaN ... replaced by a comparison"). */
  rewrites: readonly string[];
}

/**
 * The traits alone: programs made out of others begin with these, since a copy of everything would
 * make what is made on first access.
 */
export function traitsOf(programs: ProgramTraits): ProgramTraits {
  const { headByPosition, residualType, hiddenSize, stateSize, vocabSize } = programs;
  const { staticPast, wasmOnly, rowsInteract, rewrites } = programs;
  return {
    headByPosition,
    residualType,
    hiddenSize,
    stateSize,
    vocabSize,
    staticPast,
    wasmOnly,
    rowsInteract,
    rewrites,
  };
}

/**
 * All programs of a model: ids -> embed -> block 0 .. N-1 -> head -> NLL. None keeps a cache
 * between runs.
 */
export interface ScorePrograms extends ProgramTraits {
  /** (ids) -> residual (B, S, C). */
  embed: BoundProgram;
  /**
   * (ids, mask, positions) -> side values; always run by the CPU execution provider. Null when no
   * block reads a computed side value.
   */
  side: BoundProgram | null;
  /**
   * (ids) -> side values that depend on which tokens there are (per-layer embeddings); run by the
   * CPU execution provider for each chunk of windows. Null when no block reads one.
   */
  tokenSide: BoundProgram | null;
  blocks: readonly BoundProgram[];
  /**
   * The sublayers of each block, (B, S, C) -> (B, S, C) each, with block(x) = ffn(attn(x)) where
   * the residual stream is only added to; their weights are subsets of the block's. Null for a
   * block whose sublayers cannot be separated. Made on first access, which takes about as long as
   * making the blocks did.
   */
  sublayers?: readonly (BlockSublayers | null)[];
  /** (residual, targets) -> nll (B, S - 1) in nats, float32; logits are cast to float32 first. */
  head: BoundProgram;
  /**
   * (residual of the original, residual of the plan, targets) -> (B, S - 1) float32 each: both
   * NLLs, KL(original || plan) in nats, and a value that is 0 where the two share a most likely
   * token. The weights are the head's. Made on first access.
   */
  compare: BoundProgram;
  /**
   * The same with weights of its own for the plan's head, called as `isOfOther` tells: the head's
   * too, unless others are bound. Made on first access; absent where nothing is compared.
   */
  compareApart?: BoundProgram | undefined;
}

/** The programs after a change of each, made on first access where the given ones are. */
export function mapPrograms(
  programs: ScorePrograms,
  change: (bound: BoundProgram) => BoundProgram,
): ScorePrograms {
  const some = (bound: BoundProgram | null): BoundProgram | null => bound && change(bound);
  let sublayers: ScorePrograms['sublayers'];
  let compare: BoundProgram | null = null;
  return {
    ...traitsOf(programs),
    embed: change(programs.embed),
    side: some(programs.side),
    tokenSide: some(programs.tokenSide),
    blocks: programs.blocks.map(change),
    // Accessors, not copies: these are made on first access.
    get sublayers() {
      sublayers ??=
        programs.sublayers?.map((pair) => pair && { attn: some(pair.attn), ffn: some(pair.ffn) }) ??
        [];
      return sublayers;
    },
    head: change(programs.head),
    get compare() {
      compare ??= change(programs.compare);
      return compare;
    },
    get compareApart() {
      return programs.compareApart && change(programs.compareApart);
    },
  };
}
