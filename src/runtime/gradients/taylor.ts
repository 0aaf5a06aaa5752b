// The Taylor criterion: sums of |W dL/dW| over the weights of each block, L the mean NLL of all
// windows together.

import type { SourceData, TaylorSums } from '../../analysis/criteriaTable.ts';
import type { MemoryEstimate } from '../../contract/score.ts';
import type { Tap } from '../../grad/blockGradient.ts';
import {
  type PlannedScores,
  scoreWeights,
  type WeightScoresFound,
  type WeightScoresJob,
  type WhichWeights,
  weightScoresMemory,
} from './weightScores.ts';

export type TaylorJob = WeightScoresJob;

export type TaylorFound = SourceData['taylor'] & Pick<WeightScoresFound, 'notes'>;

const WHICH: WhichWeights = { name: 'taylor', kinds: ['linear', 'norm'] };

/** What the job will take, in bytes. @throws EspalierError where there are no gradients. */
export function taylorMemory(job: PlannedScores): MemoryEstimate {
  return weightScoresMemory(job, WHICH);
}

/** @throws EspalierError as `scoreWeights` */
export async function measureTaylor(job: TaylorJob): Promise<TaylorFound> {
  const found = await scoreWeights(job, WHICH);
  return { ...sumsOf(found), notes: found.notes };
}

/** Adds the scores of the weights of each block, in float64. */
function sumsOf({ loss, weights }: WeightScoresFound): SourceData['taylor'] {
  const sums = (counts: (tap: Tap) => boolean): TaylorSums => {
    const of = (block: number, sublayer: Tap['sublayer'] | 'any'): number =>
      (weights[block] ?? []).reduce(
        (sum, { tap, scores }) =>
          counts(tap) && (sublayer === 'any' || tap.sublayer === sublayer)
            ? sum + (scores[0] ?? Number.NaN)
            : sum,
        0,
      );
    const divided = (block: number): boolean =>
      (weights[block] ?? []).every(({ tap }) => !counts(tap) || tap.sublayer !== null);
    const each = <T>(value: (block: number) => T): T[] => weights.map((_, block) => value(block));
    return {
      block: each((block) => of(block, 'any')),
      attention: each((block) => (divided(block) ? of(block, 'attn') : null)),
      ffn: each((block) => (divided(block) ? of(block, 'ffn') : null)),
    };
  };
  return {
    loss,
    linear: sums(({ kind }) => kind === 'linear'),
    withNorms: sums(({ kind }) => kind === 'linear' || kind === 'norm'),
  };
}
