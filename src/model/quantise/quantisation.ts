// Quantisation: which matrices of a model are stored in few bits and how, as plain data that
// crosses threads; what the export step `quantise` takes.

import type { Unit } from '../../units.ts';

/**
 * `rtn` rounds to the nearest, `hqq` moves the zero points (half-quadratic quantisation), `gptq`
 * makes up for each rounded column in those that follow, by second-order statistics of a text.
 */
export type QuantiseMethod = 'rtn' | 'hqq' | 'gptq';

/** Precisions that few bits are written in, as file names have them. */
export const QUANTISED_DTYPES = ['q4', 'q4f16', 'q8'] as const;
export type QuantisedDtype = (typeof QUANTISED_DTYPES)[number];

/** How a matrix is written: `float` in the type of the activations, else in that many bits. */
export type MatrixForm = 'float' | 4 | 8;

/** Inputs that share a scale. */
export const BLOCK_SIZES = [16, 32, 64, 128, 256] as const;
export type BlockSize = (typeof BLOCK_SIZES)[number];

/** A table of the embedding, or the matrix of the head: as it is, or in that many bits by RTN. */
export type TableForm = 'keep' | 4 | 8;

export interface QuantiseSettings {
  method: QuantiseMethod;
  /** Of the matrices in the blocks; 8 by `rtn` alone. Those of `forms` in 8 bits are by RTN too. */
  bits: 4 | 8;
  block: BlockSize;
  /** Without zero points; of `rtn` alone. */
  symmetric: boolean;
  /** Of `hqq`: zero points as floats, or rounded where the runtime takes integers alone. */
  floatZeros: boolean;
  embedding: TableForm;
  head: TableForm;
  /**
   * Of MatMulNBits: 0 computes in the type of the activations; 4 rounds them to 8 bits, which is
   * faster on CPUs.
   */
  accuracyLevel: 0 | 4;
}

/**
 * A matrix (outputs N, inputs K) as MatMulNBits stores it, computed from a text and therefore not
 * derivable when it is written.
 */
export interface ComputedMatrix {
  /** Name of the stored tensor in the source. */
  tensor: string;
  /** Block of the source that reads it; null outside of the blocks. */
  block: number | null;
  outputs: number;
  inputs: number;
  blockSize: BlockSize;
  bits: 4;
  /** (N, ceil(K / block), block / 2), zero padded along K. */
  weights: Uint8Array<ArrayBuffer>;
  /** (N, ceil(K / block)) float32, little endian. */
  scales: Uint8Array<ArrayBuffer>;
  /** (N, ceil(ceil(K / block) / 2)): rows start on a byte, the low nibble is the even block. */
  zeros: Uint8Array<ArrayBuffer>;
}

/** What an export needs to know to write few bits. */
export interface Quantisation {
  /** Hex SHA-256 of all that follows but the record: equal quantisations are one. */
  id: string;
  /** The plan, and the id of its healing, that `computed` belongs to. */
  removed: readonly Unit[];
  healing: string | null;
  settings: QuantiseSettings;
  /** By stored tensor of the source: matrices in another form than `settings.bits`. */
  forms: Readonly<Record<string, MatrixForm>>;
  /** Of `gptq`: every matrix of 4 bits in the kept blocks. Empty otherwise. */
  computed: readonly ComputedMatrix[];
  record: QuantisationRecord;
}

/** What espalier.json says of it besides the settings. */
export interface QuantisationRecord {
  /** Of `gptq`: what the statistics were taken from. */
  text: { name: string; sha256: string; windows: number; tokens: number } | null;
  /** How `forms` was chosen; null where nothing was. */
  mixed: MixedChoice | null;
  /** Empty where nothing was measured. */
  measured: readonly QuantisedMeasure[];
}

/**
 * Keeps the most sensitive matrices in more bits: `bytes` more than all in few bits take, or until
 * the sum of the sensitivities that are left is at most `nats`.
 */
export type MixedChoice = { kind: 'bytes'; bytes: number } | { kind: 'loss'; nats: number };

/** Against the original, in nats per predicted token. */
export interface QuantisedPart {
  /** Mean NLL. */
  nll: number;
  /** Mean KL(original || this) in nats, and share of equal most likely tokens; null: not taken. */
  klDivergence: number | null;
  top1Agreement: number | null;
}

/** The parts of the loss on one text. */
export interface QuantisedMeasure {
  set: 'windows' | 'held-out';
  name: string;
  /** Predicted tokens. */
  predicted: number;
  original: { nll: number };
  /** Null where nothing is removed, and where nothing is healed. */
  pruned: QuantisedPart | null;
  healed: QuantisedPart | null;
  /** By the bytes that the export writes, and with its activations. */
  quantised: QuantisedPart;
}
