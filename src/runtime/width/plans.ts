// What a width plan takes out of each block: the scores of the three methods, and the groups and
// channels that go by the amount asked for.

import {
  allWeights,
  countsByRatio,
  countsByWeights,
  inMultiples,
} from '../../analysis/width/amounts.ts';
import { flapColumns, ofOwners, standardised, wandaColumns } from '../../analysis/width/scores.ts';
import {
  type BlockCounts,
  type BlockSizes,
  belowOneThreshold,
  type GroupsAndChannels,
  lowest,
  lowestOfAll,
  lowestOfEach,
} from '../../analysis/width/select.ts';
import type { WidthRequest } from '../../contract/comparison/width.ts';
import { EspalierError } from '../../errors.ts';
import type { BlockWidth, WidthMatrix, WidthMethod, WidthScores } from '../../model/width/types.ts';
import { WIDTH_METHODS } from '../../model/width/widthWords.ts';
import type { BlockStatistics, HalfStatistics } from './calibrate.ts';

/** What is asked for, apart from how windows and device are chosen. */
export type WidthSettings = Pick<WidthRequest, 'methods' | 'amount' | 'multiple' | 'flapVariance'>;

export function sizesOf(widths: readonly BlockWidth[]): BlockSizes[] {
  return widths.map(({ attention, feedForward }) => ({
    groups: attention?.groups ?? 0,
    groupWeights: attention?.groupWeights ?? 0,
    groupColumns: attention ? attention.queriesPerGroup * attention.headSize : 0,
    channels: feedForward?.channels ?? 0,
    channelWeights: feedForward?.channelWeights ?? 0,
  }));
}

/** As FLAP weighs groups and channels against each other: by their matrices, biases apart. */
function flapSizesOf(widths: readonly BlockWidth[]): BlockSizes[] {
  const ofMatrices = (half: { matrices: readonly WidthMatrix[] } | null): number =>
    half?.matrices.reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0) ?? 0;
  return sizesOf(widths).map((size, block) => ({
    ...size,
    groupWeights: ofMatrices(widths[block]!.attention) / Math.max(1, size.groups),
    channelWeights: ofMatrices(widths[block]!.feedForward) / Math.max(1, size.channels),
  }));
}

/** Wanda-sp's, of one block. */
export function wandaScores(statistics: BlockStatistics, size: BlockSizes): WidthScores {
  const { attention, feedForward } = statistics;
  const columns = (half: HalfStatistics) => wandaColumns(half.weights, half.columns);
  return {
    groups: attention ? ofOwners(columns(attention), attention.owners, size.groups, 'sum') : [],
    channels: feedForward
      ? ofOwners(columns(feedForward), feedForward.owners, size.channels, 'sum')
      : [],
  };
}

/** FLAP's, of one block, standardised; those of o are squared before. */
export function flapScores(statistics: BlockStatistics, size: BlockSizes): WidthScores {
  const { attention, feedForward } = statistics;
  const columns = (half: HalfStatistics) => flapColumns(half.weights, half.columns);
  const ofO = attention && standardised(columns(attention).map((s) => s * s));
  const ofDown = feedForward && standardised(columns(feedForward));
  return {
    groups: ofO ? ofOwners(ofO, attention.owners, size.groups, 'mean') : [],
    channels: ofDown ? ofOwners(ofDown, feedForward.owners, size.channels, 'mean') : [],
  };
}

/** @throws EspalierError `bad-input` naming the block whose scores are no numbers */
export function requireNumbers(method: WidthMethod, scores: readonly WidthScores[]): void {
  const wrong = scores.findIndex(({ groups, channels }) =>
    [...groups, ...channels].some((score) => !Number.isFinite(score)),
  );
  if (wrong >= 0)
    throw new EspalierError(
      'bad-input',
      `${WIDTH_METHODS[method]} gives no numbers for block ${wrong}: what its products read on ` +
        'these windows is not finite.',
      'Use other windows, or a float32 export of the model.',
    );
}

/** How many groups and channels of each block Wanda-sp and LLM-Pruner take out. */
export function countsOf(
  method: Exclude<WidthMethod, 'flap'>,
  sizes: readonly BlockSizes[],
  { amount, multiple }: WidthSettings,
): BlockCounts[] {
  if ('weights' in amount) return countsByWeights(sizes, amount.weights, multiple);
  const rule = method === 'wanda-sp' ? 'removed-rounded-down' : 'kept-rounded-down';
  return countsByRatio(sizes, amount.ratio, multiple, rule);
}

/** What goes, and remarks on it. */
export interface Selected {
  removed: GroupsAndChannels[];
  notes: string[];
}

/** By the scores of all blocks. */
export function selectRemoved(
  method: WidthMethod,
  scores: readonly WidthScores[],
  widths: readonly BlockWidth[],
  settings: WidthSettings,
): Selected {
  const sizes = sizesOf(widths);
  if (method !== 'flap')
    return { removed: lowestOfEach(scores, countsOf(method, sizes, settings)), notes: [] };
  const { amount, multiple } = settings;
  if ('weights' in amount) {
    const removed = lowestOfAll(scores, sizes, amount.weights);
    return {
      removed: removed.map((own, b) => inWholeMultiples(own, scores[b]!, multiple)),
      notes: [],
    };
  }
  if (amount.ratio === 0)
    return { removed: scores.map(() => ({ groups: [], channels: [] })), notes: [] };
  const weighed = flapSizesOf(widths);
  const { removed } = belowOneThreshold(scores, weighed, allWeights(weighed) * (1 - amount.ratio));
  const emptied: number[] = [];
  const left = removed.map((own, block): GroupsAndChannels => {
    const { groups, channels } = scores[block]!;
    const none = (gone: readonly number[], all: readonly number[]) =>
      gone.length > 0 && gone.length === all.length;
    if (none(own.groups, groups) || none(own.channels, channels)) emptied.push(block);
    const one = none(own.groups, groups) ? lowest(groups, groups.length - 1) : own.groups;
    return inWholeMultiples({ ...own, groups: one }, scores[block]!, multiple);
  });
  const notes = emptied.length
    ? [
        'FLAP would leave nothing of the attention or the feed-forward of ' +
          `${blocksInWords(emptied)}: the best group or channels stay.`,
      ]
    : [];
  return { removed: left, notes };
}

/** As many channels as leave a multiple: the lowest ones. */
function inWholeMultiples(
  own: GroupsAndChannels,
  scores: WidthScores,
  multiple: number,
): GroupsAndChannels {
  const count = inMultiples(scores.channels.length, own.channels.length, multiple);
  return count === own.channels.length ? own : { ...own, channels: lowest(scores.channels, count) };
}

export function blocksInWords(blocks: readonly number[]): string {
  return `block${blocks.length === 1 ? '' : 's'} ${blocks.join(', ')}`;
}
