// Cuts every block at its middle value into an attention and a feed-forward program; must not
// change what the block computes.

import { type AssembleContext, assembleClasses } from './assemble.ts';
import { canonical } from './classes.ts';
import type { Piece } from './cutPiece.ts';
import { readsOnly } from './inputs.ts';
import type { BlockSublayers } from './program.ts';

/**
 * The sublayers of the blocks `chosen`, in that order: equal ones share a program as equal blocks
 * do. Null where a block has no middle value, or where its feed-forward sublayer reads more of the
 * attention sublayer than that.
 * @param cut makes a piece as those of the blocks are made, from its outputs and the positions it
 *   may take.
 * @param role what an outside input is, for names in a class.
 */
export function makeSublayers(
  chosen: readonly number[],
  context: AssembleContext,
  cut: (outputs: readonly string[], inside: (position: number) => boolean) => Piece,
  role: (input: string) => string,
): (BlockSublayers | null)[] {
  const { structure } = context;
  const pieces = chosen.map((b) => {
    const { input, mid, output } = structure.blocks[b]!;
    if (mid === null) return null;
    const middle = structure.producer.get(mid) ?? -1;
    const inside = (position: number): boolean =>
      structure.region[position] === b + 1 || structure.copyable(b, position);
    const attn = cut([mid], inside);
    const ffn = cut([output], (position) => position !== middle && inside(position));
    return readsOnly(attn, input, structure) && readsOnly(ffn, mid, structure)
      ? { attn, ffn }
      : null;
  });
  const found = pieces.filter((piece) => piece !== null);
  const output = structure.cuts[1] ?? '';
  const assemble = (name: 'attn' | 'ffn') =>
    assembleClasses(
      name,
      found.map((piece) => canonical(piece[name], role)),
      context,
      output,
    );
  const [attn, ffn] = [assemble('attn'), assemble('ffn')];
  let next = 0;
  return pieces.map((piece) => {
    if (piece === null) return null;
    const k = next++;
    return { attn: attn[k]!, ffn: ffn[k]! };
  });
}
