// Bounds on graph files of unknown origin, each far above what real decoders need.

import { EspalierError } from '../errors.ts';

/**
 * Bytes of a graph file without its weights. The largest real ones (unrolled experts, a node for
 * every constant) stay below 40 MB.
 */
export const MAX_SKELETON_BYTES = 128 * 2 ** 20;
/**
 * Nesting depth of protobuf messages. A graph within a graph takes three levels, and decoders nest
 * two or three graphs. Readers recurse once per level.
 */
export const MAX_DEPTH = 64;
/**
 * Nodes of all graphs of a file together. 126 unfused blocks take 12,000, 48 blocks of 128 unrolled
 * experts some 50,000; opening such a file takes 2 s in all.
 */
export const MAX_NODES = 60_000;
/**
 * Tensors of a file, initializers and attributes together. Unrolled experts, quantised, have three
 * per matrix.
 */
export const MAX_TENSORS = 200_000;
/**
 * Messages of any kind: each becomes an object of some 250 bytes, although two bytes of a file can
 * hold one. 60,000 nodes with all shapes declared have 700,000.
 */
export const MAX_MESSAGES = 1_000_000;
/**
 * Integers of a file that are not raw bytes: each takes up to 32 bytes of memory once decoded.
 * Shapes and axes need some thousands.
 */
export const MAX_INTEGERS = 4 * 2 ** 20;
/** Inputs, or outputs, of one node. A Concat of 512 experts has 512. */
export const MAX_OPERANDS = 4096;
/**
 * Bytes of a name (value, node, tensor, operator, file). Exporters that extend names in every pass
 * reach some hundreds.
 */
export const MAX_NAME_BYTES = 4096;
/** Dimensions of a tensor or a declared shape. ONNX Runtime's kernels go to 8, NumPy to 64. */
export const MAX_RANK = 64;
/** Subgraphs of nodes in all. Traced models have a few If nodes per block. */
export const MAX_SUBGRAPHS = 4096;

/** The error of a file beyond a bound; `what` completes "<file> has ...". */
export function beyondLimit(file: string, what: string, limit: number): EspalierError {
  return new EspalierError(
    'too-large',
    `${file} has ${what}; Espalier stops at ${limit}.`,
    'No known decoder needs that much: the file may be damaged. Export the model again, or ' +
      'report it if it is genuine.',
  );
}

/** A name as messages show it: at most 80 characters. */
export function shortName(name: string): string {
  return name.length <= 80 ? name : `${name.slice(0, 60)}… (${name.length} characters)`;
}
