// Cuts out of each block what is left of it without one of its sublayers, as programs.

import { sublayerUnit } from '../../units.ts';
import { bypassOf } from '../structure/bypass.ts';
import { type AssembleContext, assembleClasses } from './assemble.ts';
import type { Carry } from './carry.ts';
import type { Canonical } from './classes.ts';
import { readsOnly } from './inputs.ts';
import type { BlockSublayers, BoundProgram } from './program.ts';
import type { Subgraph } from './subgraph.ts';

/**
 * What is left of the given blocks without one sublayer, in that order. Equal remainders share a
 * program, as equal blocks do. Null for what cannot be taken out alone, and for what reads other
 * values of the interior than the residual stream before the block.
 * @param blocks ordinals of blocks.
 * @param carry what states hold besides the residual stream.
 * @param cut cuts out and prepares a subgraph in the way of whole blocks, from its outputs, the
 *   node positions that belong to it, and the values that others take the place of.
 * @param finish gives a finished subgraph canonical names.
 */
export function makeSublayers(
  blocks: readonly number[],
  context: AssembleContext,
  carry: Carry,
  cut: (
    outputs: readonly string[],
    inside: (position: number) => boolean,
    replace: ReadonlyMap<string, string>,
  ) => Subgraph,
  finish: (subgraph: Subgraph) => Canonical,
): (BlockSublayers | null)[] {
  const { structure } = context;
  const residual = structure.cuts[1] ?? '';
  const without = (name: 'attn' | 'ffn'): (BoundProgram | null)[] => {
    const left = blocks.map((b) => {
      const { input, mid, output, lacks } = structure.blocks[b]!;
      // The program of the attention is the block without its feed-forward.
      const unit = sublayerUnit(b, name === 'attn' ? 'ffn' : 'attn');
      const { replace, obstacle } = bypassOf(structure, unit);
      if (mid === null || lacks !== null || obstacle !== null) return null;
      const inside = (position: number): boolean =>
        structure.region[position] === b + 1 ||
        structure.copyable(b, position) ||
        carry.borrowed(b, position);
      const end = replace.get(output) ?? output;
      const subgraph = cut([end], inside, replace);
      const read = name === 'attn' ? carry.read(b) : [input];
      if (!readsOnly(subgraph, read, structure)) return null;
      carry.pack(subgraph, { block: name === 'attn' ? b : null, input, output: end });
      return finish(subgraph);
    });
    const found = left.filter((some) => some !== null);
    const bound = assembleClasses(name, found, context, residual);
    let next = 0;
    return left.map((some) => some && bound[next++]!);
  };
  const [attn, ffn] = [without('attn'), without('ffn')];
  return blocks.map((_, k) =>
    attn[k] || ffn[k] ? { attn: attn[k] ?? null, ffn: ffn[k] ?? null } : null,
  );
}
