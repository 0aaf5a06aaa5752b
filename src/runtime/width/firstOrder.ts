// LLM-Pruner's scores of key-value groups and channels: |W dL/dW| element by element, summed over
// the rows and columns of a group or channel in all matrices that it goes through.

import { EspalierError } from '../../errors.ts';
import type { BlockWidth, WidthMatrix, WidthScores } from '../../model/width/types.ts';
import {
  type ScoredWeight,
  scoreWeights,
  type WeightScoresJob,
} from '../gradients/weightScores.ts';

export interface FirstOrderJob extends WeightScoresJob {
  blocks: readonly BlockWidth[];
}

export interface FirstOrderFound {
  /** By block; without numbers for a part that cannot be narrowed. */
  scores: WidthScores[];
  /** Mean NLL in nats over all predicted positions of all windows: L. */
  loss: number;
  /** In what the gradients differ from those of what runs, as phrases to show. */
  notes: readonly string[];
}

/**
 * The first-order importance of Ma et al. 2023 (LLM-Pruner, "param_first", element by element),
 * L = the mean NLL of all windows together. A group is scored over its rows of q, k and v and its
 * columns of o, a channel over its rows of gate and up and its column of down. Biases do not count.
 * @throws EspalierError as `scoreWeights`; `unsupported-graph` for a matrix without a gradient
 */
export async function firstOrderScores(job: FirstOrderJob): Promise<FirstOrderFound> {
  const { blocks } = job;
  const axes = blocks.map((block) => {
    const matrices = [...(block.attention?.matrices ?? []), ...(block.feedForward?.matrices ?? [])];
    return new Map(matrices.map((matrix) => [matrix.tensor, ownerAxis(matrix)]));
  });
  const none = new Map<string, number>();
  const { weights, loss, notes } = await scoreWeights(job, {
    name: 'first-order',
    kinds: ['linear'],
    axes: (block) => axes[block] ?? none,
  });
  const scores = blocks.map(({ attention, feedForward }, at) => {
    const sumsOf = (matrix: WidthMatrix): readonly number[] =>
      sumsOfMatrix(weights[at] ?? [], matrix);
    return {
      groups: attention ? scoresOf(attention.groups, attention.matrices, sumsOf) : [],
      channels: feedForward ? scoresOf(feedForward.channels, feedForward.matrices, sumsOf) : [],
    };
  });
  return { scores, loss, notes };
}

/** Groups and channels lie along the inputs of o and down, and along the outputs of all others. */
function alongInputs({ part }: WidthMatrix): boolean {
  return part === 'o' || part === 'down';
}

/** The axis of the stored matrix along which groups or channels lie. */
function ownerAxis(matrix: WidthMatrix): 0 | 1 {
  return alongInputs(matrix) === (matrix.order === 'in-out') ? 0 : 1;
}

function sumsOfMatrix(weights: readonly ScoredWeight[], matrix: WidthMatrix): readonly number[] {
  const { tensor, inputs, outputs, order } = matrix;
  const found = weights.find(({ tap }) => tap.name === tensor);
  const dims = order === 'in-out' ? [inputs, outputs] : [outputs, inputs];
  if (found?.tap.dims.join() === dims.join()) return found.scores;
  throw new EspalierError(
    'unsupported-graph',
    found
      ? `The matrix "${tensor}" is ${found.tap.dims.join(' x ')}, not ${dims.join(' x ')}.`
      : `The loss has no gradient with respect to the matrix "${tensor}".`,
    'Wanda-sp and FLAP need no gradients: choose one of them.',
  );
}

/** Sums over what each group or channel has of all matrices. */
function scoresOf(
  count: number,
  matrices: readonly WidthMatrix[],
  sumsOf: (matrix: WidthMatrix) => readonly number[],
): number[] {
  const scores = new Array<number>(count).fill(0);
  for (const matrix of matrices) {
    const sums = sumsOf(matrix);
    for (const [at, owner] of matrix.owners.entries()) scores[owner]! += sums[at] ?? Number.NaN;
  }
  return scores;
}
