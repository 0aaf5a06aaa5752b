// Which units a scoring session can leave out, by the programs that it has.

import { EspalierError } from '../../errors.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import type { RemovableBlock } from '../../model/structure/removable.ts';
import { type Sublayer, type SublayerUnit, sublayerUnit } from '../../units.ts';

const WORDS: Readonly<Record<Sublayer, string>> = { attn: 'attention', ffn: 'feed-forward' };

/**
 * The blocks as a check of plans sees them.
 * @param unremovable per block, why it must stay
 * @param borrowers per block, those that read its cache
 */
export function removableBlocks(
  unremovable: readonly (string | null)[],
  { sublayers }: ScorePrograms,
  borrowers: readonly (readonly number[])[],
): RemovableBlock[] {
  return unremovable.map((reason, block) => {
    const pair = sublayers?.[block] ?? null;
    const stuck = (sublayer: Sublayer, left: unknown): Partial<Record<Sublayer, string>> =>
      left
        ? {}
        : { [sublayer]: `The ${WORDS[sublayer]} of block ${block} cannot be taken out alone.` };
    return {
      unremovable: reason,
      borrowers: borrowers[block] ?? [],
      hasSublayers: pair !== null,
      // What is left without a sublayer is the program of the other one.
      unremovableSublayers: pair && { ...stuck('attn', pair.ffn), ...stuck('ffn', pair.attn) },
    };
  });
}

/**
 * Sublayers that can be left out alone, attention first, of the blocks that can be left out. Of a
 * block whose cache others read it is the feed-forward.
 */
export function removableSublayers(
  unremovable: readonly (string | null)[],
  programs: ScorePrograms,
  borrowers: readonly (readonly number[])[],
): SublayerUnit[] {
  const blocks = removableBlocks(unremovable, programs, borrowers);
  return blocks.flatMap((block, index) => {
    const lends = (block.borrowers?.length ?? 0) > 0;
    if (!block.hasSublayers || (block.unremovable !== null && !lends)) return [];
    return (lends ? (['ffn'] as const) : (['attn', 'ffn'] as const))
      .filter((sublayer) => !block.unremovableSublayers?.[sublayer])
      .map((sublayer) => sublayerUnit(index, sublayer));
  });
}

/** Why a curve over these sublayers is not possible, or null. */
export function sublayersObstacle(removable: readonly SublayerUnit[]): EspalierError | null {
  if (removable.length > 0) return null;
  return new EspalierError(
    'bad-input',
    'Attention and feed-forward cannot be separated in any block of this model.',
    'Score whole blocks.',
  );
}
