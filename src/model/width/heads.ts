// How many query heads and key-value heads the attention of a block has, and of what size, by its
// operator, its caches, or the dims of its scores.

import { intAttribute, type Node } from '../../onnx/graph.ts';
import type { ProductRole } from '../healing/peft/families.ts';
import type { BlockProduct } from '../healing/peft/product.ts';
import { graphSizes } from '../structure/sizes.ts';
import type { Structure } from '../structure/structure.ts';
import { sizesOf } from './trace/trace.ts';
import { unsupported } from './unsupported.ts';

export interface Heads {
  heads: number;
  groups: number;
  /** Of queries and keys. */
  headSize: number;
  valueSize: number;
}

/** @throws EspalierError `unsupported-graph` where the graph does not say, or its sizes differ */
export function headsOf(
  structure: Structure,
  block: number,
  products: readonly BlockProduct[],
): Heads {
  const outputs = (role: ProductRole): number | null =>
    products.find(({ parts }) => parts.length === 1 && parts[0]!.role === role)?.outputs ?? null;
  const fused = products.find(({ parts }) => parts.length > 1)?.outputs ?? null;
  const read = products.find(({ parts }) => parts[0]?.role === 'o')!.inputs;
  const [query, key, value] = [outputs('q'), outputs('k'), outputs('v')];
  const heads = queryHeads(structure, block) ?? fromCaches();
  if (heads === null)
    throw unsupported(block, 'the graph does not say how many heads its attention has');
  const valueSize = read / heads;
  // Where queries, keys and values are one product, their heads have one size.
  const headSize = query === null ? valueSize : query / heads;
  const groups = key === null ? ((fused ?? 0) / valueSize - heads) / 2 : key / headSize;
  const whole = [heads, groups, headSize, valueSize, heads / groups];
  const agrees = value === null || value === groups * valueSize;
  if (!agrees || !whole.every((size) => Number.isInteger(size) && size > 0))
    throw unsupported(block, `${heads} heads do not divide its queries, keys and values`);
  return { heads, groups, headSize, valueSize };

  function fromCaches(): number | null {
    const [state] = structure.blocks[block]!.states;
    const size = graphSizes(structure).caches.get(state?.input ?? '')?.headSize;
    return size && query !== null ? query / size : null;
  }
}

function queryHeads(structure: Structure, block: number): number | null {
  const { graph, region } = structure;
  const sizes = sizesOf(structure);
  const own = graph.nodes.filter((_, position) => region[position] === block + 1);
  const said = own
    .filter(({ op }) => /Attention$/.test(op))
    .map((node) => declaredHeads(node) ?? fourth(node));
  return [...said, ...own.filter(({ op }) => op === 'Softmax').map(fourth)].find((n) => n) ?? null;

  /** Of (B, heads, S, ...). */
  function fourth({ inputs }: Node): number | null {
    const dims = sizes.get(inputs[0] ?? '')?.dims;
    const heads = dims?.length === 4 ? dims[1] : null;
    return typeof heads === 'number' ? heads : null;
  }
}

function declaredHeads(node: Node): number | null {
  return intAttribute(node, 'num_heads') || intAttribute(node, 'q_num_heads') || null;
}
