// What healing has changed: weights of linear products and norms, as plain data that crosses
// threads, and the record of how it was done.

import type { Unit } from '../../units.ts';

/**
 * A stored weight with other values. Changes of one tensor follow one after the other: a matrix may
 * be refitted first and trained afterwards.
 */
export type WeightChange = {
  /**
   * Name of the stored tensor: the matrix of a MatMul or Gemm, the packed matrix of a MatMulNBits,
   * a vector of a norm.
   */
  tensor: string;
  /** Block of the source that reads it; null for what lies outside of the blocks. */
  block: number | null;
} & (
  | {
      kind: 'replaced';
      /**
       * float32, little endian, in the dims in which the graph reads the values: those of the
       * stored tensor, (N, K) for a MatMulNBits.
       */
      values: Uint8Array<ArrayBuffer>;
    }
  | {
      /** W + scale * (B A)^T, W in the order (inputs, outputs). */
      kind: 'low-rank';
      rank: number;
      scale: number;
      /** (rank, inputs) float32, little endian. */
      a: Uint8Array<ArrayBuffer>;
      /** (columns, rank) float32, little endian. */
      b: Uint8Array<ArrayBuffer>;
      /** Columns from..to of the product that it adds to: one of fused projections, or all. */
      columns: readonly [from: number, to: number];
    }
);

/** How one step of a healing was done. Losses are in nats per token. */
export interface HealingStep {
  method: 'refit' | 'lora' | 'full';
  /** Every setting of the step, by name. */
  settings: Readonly<Record<string, number | string | boolean>>;
  /** Training loss by step; empty for a refit. */
  losses: readonly number[];
  /** Loss on the held-out part: by training step, the first before any. */
  heldOut: readonly { step: number; loss: number }[];
  /** The training step whose weights were kept; null for a refit. */
  kept: number | null;
  /** Blocks whose weights it changed, numbered as in the source. */
  blocks: readonly number[];
  seconds: number;
}

/** What espalier.json says of a healing. */
export interface HealingRecord {
  removed: readonly Unit[];
  text: { name: string; sha256: string; tokens: number };
  steps: readonly HealingStep[];
  /** What was measured on texts that the healing has not seen; empty where nothing was. */
  measured: readonly HealedMeasure[];
  /**
   * How changed matrices of few bits were when it was measured: rounded to that form again, or kept
   * as floats. Absent where it changes none, and in older records, where they were rounded.
   */
  quantised?: 'again' | 'float' | undefined;
  /** Settings of the training of the original, where it was measured beside; `kl` is 0. */
  control?: HealingStep['settings'] | undefined;
}

/** Mean NLL in nats per predicted token on one text, of everyone who was measured on it. */
export interface HealedMeasure {
  /** `fit`: a sample of what the healing has seen; `held-out`: the rest of the same text. */
  set: 'fit' | 'held-out' | 'foreign';
  name: string;
  /** Predicted tokens. */
  predicted: number;
  original: number;
  pruned: number;
  /**
   * The original, trained on the same text to predict the next token (`HealingRecord.control`);
   * null where that was not asked for.
   */
  control: number | null;
  healed: number;
}

/** The outcome of a healing: what an export writes in place of weights of the source. */
export interface Healing {
  /** Hex SHA-256 of its changes: equal healings are one. */
  id: string;
  removed: readonly Unit[];
  /** In the order in which they follow each other. */
  changes: readonly WeightChange[];
  record: HealingRecord;
}

/** Bytes that its changes take. */
export function healingBytes({ changes }: Pick<Healing, 'changes'>): number {
  return changes.reduce(
    (sum, change) =>
      sum + (change.kind === 'replaced' ? change.values.length : change.a.length + change.b.length),
    0,
  );
}

/** What a healing is judged by: the held-out part of its text, or else the foreign one. */
export function unseenMeasure(measured: readonly HealedMeasure[]): HealedMeasure | null {
  const of = (set: HealedMeasure['set']) => measured.find((row) => row.set === set);
  return of('held-out') ?? of('foreign') ?? null;
}
