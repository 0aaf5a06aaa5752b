// Bounds on a graph file of unknown origin, each far above what real decoders have; must hold
// nothing but numbers and their reasons.

import { EspalierError } from '../errors.ts';

/**
 * Graph file without its weights, in bytes. The largest real ones (experts unrolled, every constant
 * a node) stay below 40 MB.
 */
export const MAX_SKELETON_BYTES = 128 * 2 ** 20;
/**
 * Messages within messages: a graph in a graph takes three levels, decoders nest two or three
 * graphs. Readers call themselves once per level.
 */
export const MAX_DEPTH = 64;
/**
 * Nodes of all graphs of a file together. 126 blocks take 12,000 unfused, 48 blocks of 128 unrolled
 * experts some 50,000; all steps together take 2 s for it.
 */
export const MAX_NODES = 60_000;
/**
 * Tensors of a file, initializers and constants of nodes together. Quantised unrolled experts have
 * three per matrix.
 */
export const MAX_TENSORS = 200_000;
/**
 * Messages of any kind: each is an object of some 250 bytes, though two bytes make one. 60,000
 * nodes with all their shapes declared have 700,000.
 */
export const MAX_MESSAGES = 1_000_000;
/**
 * Integers written one by one instead of as raw bytes, in one file: each takes up to 32 bytes of
 * memory. Shapes and axes need some thousands.
 */
export const MAX_INTEGERS = 4 * 2 ** 20;
/** Inputs, or outputs, of one node. A Concat over 512 experts has 512. */
export const MAX_OPERANDS = 4096;
/**
 * Bytes of a name (value, node, tensor, operator, file). Exporters that append to names at every
 * pass reach some hundreds.
 */
export const MAX_NAME_BYTES = 4096;
/** Dimensions of a tensor or a declared shape. ONNX Runtime's kernels go to 8, NumPy to 64. */
export const MAX_RANK = 64;
/** Graphs inside nodes, in all. A few If nodes per block, in files from tracing. */
export const MAX_SUBGRAPHS = 4096;

/** The refusal of a file that goes beyond a bound. */
export function beyondLimit(file: string, what: string, limit: number): EspalierError {
  return new EspalierError(
    'too-large',
    `${file} has ${what}; Espalier stops at ${limit}.`,
    'No known decoder needs that much: the file may be damaged. Export the model again, or ' +
      'report it if it is genuine.',
  );
}

/** A name as it is shown in a message: at most 80 characters. */
export function shortName(name: string): string {
  return name.length <= 80 ? name : `${name.slice(0, 60)}… (${name.length} characters)`;
}
