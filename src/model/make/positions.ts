// The positions of tokens, for families that look them up, for attention with a bias by distance
// and for rotations outside of the attention operator.

import { DataType } from '../../onnx/graph.ts';
import type { GraphMaker } from './nodes.ts';

const AT = '/model/pos_ids_reformat';

/**
 * int64 (batch, total): the tokens before each one that the mask counts; rows may begin with
 * padding.
 */
function allPositions(graph: GraphMaker): string {
  const positions = `${AT}/Max/output_0`;
  if (!graph.once(positions)) return positions;
  const counted = graph.node('CumSum', `${AT}/CumSum`, ['attention_mask', graph.ints(1)]);
  const before = graph.node('Sub', `${AT}/Sub`, [counted, graph.ints(1)]);
  return graph.node('Max', `${AT}/Max`, [before, graph.ints(0)]);
}

/** int64 (batch, sequence): the positions of the tokens of this call. */
export function tokenPositions(graph: GraphMaker): string {
  const positions = `${AT}/Slice/output_0`;
  if (!graph.once(positions)) return positions;
  const shape = graph.node('Shape', `${AT}/Shape`, ['input_ids']);
  const length = graph.node('Slice', `${AT}/Shape/Slice`, [
    shape,
    graph.ints([1]),
    graph.ints([2]),
  ]);
  const first = graph.node('Neg', `${AT}/Neg`, [length]);
  const inputs = [allPositions(graph), first, graph.ints([END]), graph.ints([1])];
  return graph.node('Slice', `${AT}/Slice`, inputs);
}

/** Past every axis. */
const END = 2 ** 31 - 1;

/**
 * What is added to the scores of each head: (batch, heads, sequence, total), the slope of the head
 * times the distance that the key lies behind the query, negative. Transformers adds the key's
 * position alone, which is the same up to a number for each query that softmax does not see.
 * @source arXiv 2108.12409 (ALiBi); slopes as in huggingface/transformers,
 *   models/bloom/modeling_bloom.py, build_alibi_tensor
 */
export function distanceBias(graph: GraphMaker, heads: number, at: string): string {
  const shared = '/model/alibi';
  const distances = `${shared}/Cast/output_0`;
  if (graph.once(distances)) {
    const axes = (list: readonly number[], of: string, name: string): string =>
      graph.node('Unsqueeze', `${shared}/${name}`, [of, graph.ints(list)]);
    const keys = axes([1, 2], allPositions(graph), 'keys/Unsqueeze');
    const queries = axes([1, 3], tokenPositions(graph), 'queries/Unsqueeze');
    const behind = graph.node('Sub', `${shared}/Sub`, [keys, queries]);
    graph.node('Cast', `${shared}/Cast`, [behind], { attributes: { to: DataType.float } });
  }
  const data = new Uint8Array(Float32Array.from(alibiSlopes(heads)).buffer);
  const slopes = graph.floats(`model.alibi.slopes`, [1, heads, 1, 1], data);
  return graph.node('Mul', `${at}/alibi/Mul`, [distances, slopes]);
}

/** One for each head: a geometric sequence, of another power for those beyond a power of two. */
function alibiSlopes(heads: number): number[] {
  const power = 2 ** Math.floor(Math.log2(heads));
  const base = 2 ** (-8 / power);
  const slopes = Array.from({ length: power }, (_, k) => base ** (k + 1));
  const extra = Math.sqrt(base);
  for (let k = 0; slopes.length < heads; k++) slopes.push(extra ** (2 * k + 1));
  return slopes;
}
