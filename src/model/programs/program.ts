// The small weightless ONNX programs a model is cut into, as the runtime receives them. Types and
// shapes only: model/ makes them, runtime/ feeds them.

import type { Bytes } from '../../onnx/source.ts';

/** Element types by the names that onnxruntime-web uses for tensors. */
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

/**
 * A dimension of a fed state: B rows, S tokens, a number, or the (empty or static) cache length.
 */
export type ProgramDim = number | 'batch' | 'sequence' | 'past';

/**
 * A weight: where its bytes are and how a program sees them. Equal ranges are one buffer, whatever
 * the dims (tied tables).
 */
export interface WeightRef {
  name: string;
  type: ElementType;
  /** In elements (int4 too). */
  dims: readonly number[];
  /** On the device. */
  byteLength: number;
  /** What the device gets; computed on the way where the file has another element type. */
  data: Bytes;
}

/**
 * Dims of position ids: (B, S), one row for all (S), or one table for each axis of a multimodal
 * rotary embedding (n, B, S).
 */
export type PositionForm = 'rows' | 'row' | number;

/** The dims of position ids. */
export function positionDims(form: PositionForm, rows: number, length: number): number[] {
  return form === 'row' ? [length] : form === 'rows' ? [rows, length] : [form, rows, length];
}

/**
 * Where the value of a program input comes from. B = rows (windows) of this run, S = tokens per
 * row.
 */
export type InputSource =
  | { kind: 'ids' } // token ids (B, S)
  | { kind: 'targets' } // next-token ids (B, S - 1), int64; the head only
  | { kind: 'attention-mask' } // ones (B, S)
  | { kind: 'positions'; form: PositionForm } // 0 .. S - 1 in every row
  | { kind: 'constant'; value: number; dims: readonly number[] } // e.g. num_logits_to_keep
  | { kind: 'past'; dims: readonly ProgramDim[] } // zeros; 'past' is 0 unless the program asks for a static cache
  | { kind: 'residual' } // (B, S, C)
  | { kind: 'other-residual' } // (B, S, C), of the plan that is compared with the original
  | { kind: 'side' } // a side value; which one is in the binding
  | { kind: 'weight' }; // which one is in the binding

export interface ProgramInput {
  name: string;
  type: ElementType;
  source: InputSource;
}

export type OutputTarget =
  | { kind: 'residual' }
  | { kind: 'side'; value: string }
  | { kind: 'nll' }
  | { kind: 'compared'; value: 'nll' | 'nll-other' | 'kl' | 'top' };

export interface ProgramOutput {
  name: string;
  type: ElementType;
  target: OutputTarget;
}

/**
 * One weightless ONNX program. Blocks of the same structural class share one, so `id` keys the
 * compiled session.
 */
export interface Program {
  id: string;
  /**
   * A serialized ModelProto without weights: only small integer and boolean constants are inside.
   */
  bytes: Uint8Array;
  inputs: readonly ProgramInput[];
  outputs: readonly ProgramOutput[];
  /** Operators in it, with their counts: what a device must have. */
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
 * The attention sublayer (residual before the block -> middle) and the feed-forward sublayer
 * (middle -> residual after it) of one block.
 */
export interface BlockSublayers {
  attn: BoundProgram;
  ffn: BoundProgram;
}

/**
 * Everything scoring runs: ids -> embed -> block 0 .. N-1 -> head -> NLL. No program carries a
 * cache between runs.
 */
export interface ScorePrograms {
  /** (ids) -> residual (B, S, C). */
  embed: BoundProgram;
  /**
   * (ids, mask, positions) -> side values; always run on the CPU provider. Null when no block reads
   * any.
   */
  side: BoundProgram | null;
  blocks: readonly BoundProgram[];
  /**
   * The sublayers of each block, (B, S, C) -> (B, S, C) each, block b = ffn(attn(x)); their weights
   * are subsets of the block's. Null where the two cannot be told apart, absent where nobody needs
   * them. Made when first read, which takes about as long as making the blocks did.
   */
  sublayers?: readonly (BlockSublayers | null)[];
  /**
   * (residual, targets) -> nll (B, S - 1) float32, natural logarithm, logits cast to float32 first.
   */
  head: BoundProgram;
  /**
   * (residual of the original, residual of the plan, targets) -> (B, S - 1) float32 each: both
   * NLLs, KL(original || plan) in nats, and a value that is 0 where both have a most likely token
   * in common. The weights are the head's. Made when first read.
   */
  compare: BoundProgram;
  /** The head treats every position alike: it may be run on any stretch of positions. */
  headByPosition: boolean;
  residualType: 'float32' | 'float16';
  hiddenSize: number;
  vocabSize: number;
  /** 0, or S when the attention operator demands a static zeroed cache of at least S. */
  staticPast: boolean;
  /** Why these programs must run on the wasm device although they were made for WebGPU, or null. */
  wasmOnly: string | null;
  /**
   * True when an operator takes one scale over the whole batch (DynamicQuantizeLinear): rows must
   * then be run one at a time.
   */
  rowsInteract: boolean;
  /**
   * Rewrites that were applied so that it runs here, in words for people ("IsNaN replaced by a
   * comparison"). Empty when none.
   */
  rewrites: readonly string[];
}
