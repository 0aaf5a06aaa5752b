// Cuts each block at its middle value into an attention program and a feed-forward program.

import { type AssembleContext, assembleClasses } from './assemble.ts';
import type { Carry } from './carry.ts';
import { canonical } from './classes.ts';
import { readsOnly } from './inputs.ts';
import type { BlockSublayers } from './program.ts';
import type { Subgraph } from './subgraph.ts';

/**
 * The sublayers of the given blocks, in that order. Equal sublayers share a program, as equal
 * blocks do. Null for a block without a middle value, and for one whose feed-forward sublayer reads
 * other values of its attention sublayer.
 * @param blocks ordinals of blocks.
 * @param carry what states hold besides the residual stream.
 * @param cut cuts out and prepares a subgraph in the way of whole blocks, from its outputs and the
 *   node positions that belong to it.
 * @param role the role of an input, as `canonical` takes it.
 */
export function makeSublayers(
  blocks: readonly number[],
  context: AssembleContext,
  carry: Carry,
  cut: (outputs: readonly string[], inside: (position: number) => boolean) => Subgraph,
  role: (input: string) => string,
): (BlockSublayers | null)[] {
  const { structure } = context;
  const pairs = blocks.map((b) => {
    const { input, mid, output } = structure.blocks[b]!;
    if (mid === null) return null;
    const middle = structure.producer.get(mid) ?? -1;
    const inside = (position: number): boolean =>
      structure.region[position] === b + 1 ||
      structure.copyable(b, position) ||
      carry.borrowed(b, position);
    const attn = cut([mid], inside);
    const ffn = cut([output], (position) => position !== middle && inside(position));
    if (!readsOnly(attn, carry.read(b), structure) || !readsOnly(ffn, [mid], structure))
      return null;
    carry.pack(attn, { block: b, input, output: mid });
    carry.pack(ffn, { block: null, input: mid, output });
    return { attn, ffn };
  });
  const found = pairs.filter((pair) => pair !== null);
  const output = structure.cuts[1] ?? '';
  const assemble = (name: 'attn' | 'ffn') =>
    assembleClasses(
      name,
      found.map((pair) => canonical(pair[name], role)),
      context,
      output,
    );
  const [attn, ffn] = [assemble('attn'), assemble('ffn')];
  let next = 0;
  return pairs.map((pair) => {
    if (pair === null) return null;
    const k = next++;
    return { attn: attn[k]!, ffn: ffn[k]! };
  });
}
