// Which groups and channels go, by their scores.

/** What of a block can go, and how many weights each has; nothing where it cannot be narrowed. */
export interface BlockSizes {
  groups: number;
  groupWeights: number;
  /** Columns of q that a group has: its query heads. */
  groupColumns: number;
  channels: number;
  channelWeights: number;
}

/** Of one block: a score for each, or the indices of those that go. */
export interface GroupsAndChannels {
  groups: readonly number[];
  channels: readonly number[];
}

/** How many of a block go. */
export interface BlockCounts {
  groups: number;
  channels: number;
}

/** The `count` lowest, of equals those that come first; indices ascending. */
export function lowest(scores: readonly number[], count: number): number[] {
  return [...scores.keys()]
    .sort((a, b) => scores[a]! - scores[b]! || a - b)
    .slice(0, count)
    .sort((a, b) => a - b);
}

/** The lowest groups and channels of each block. @param scores higher = more important */
export function lowestOfEach(
  scores: readonly GroupsAndChannels[],
  counts: readonly BlockCounts[],
): GroupsAndChannels[] {
  return scores.map(({ groups, channels }, block) => ({
    groups: lowest(groups, counts[block]!.groups),
    channels: lowest(channels, counts[block]!.channels),
  }));
}

/**
 * FLAP's AL-AM: all groups and channels of all blocks from the highest down, each with its weights;
 * the threshold is the score at which the weights so far are nearest to `kept`, the first of
 * equally near ones. What is not above the threshold goes.
 * @param scores standardised, so that blocks can be compared
 */
export function belowOneThreshold(
  scores: readonly GroupsAndChannels[],
  sizes: readonly BlockSizes[],
  kept: number,
): { removed: GroupsAndChannels[]; threshold: number } {
  const all = scores.flatMap(({ groups, channels }, block) => [
    ...groups.map((score) => ({ score, weights: sizes[block]!.groupWeights })),
    ...channels.map((score) => ({ score, weights: sizes[block]!.channelWeights })),
  ]);
  all.sort((a, b) => b.score - a.score);
  let [running, nearest, threshold] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { score, weights } of all) {
    running += weights;
    const distance = Math.abs(running - kept);
    if (distance >= nearest) continue;
    nearest = distance;
    threshold = score;
  }
  const below = (values: readonly number[]): number[] =>
    [...values.keys()].filter((k) => values[k]! <= threshold);
  const removed = scores.map(({ groups, channels }) => ({
    groups: below(groups),
    channels: below(channels),
  }));
  return { removed, threshold };
}

/**
 * The lowest groups and channels of all blocks, as long as their weights are within `weights`: what
 * would be too much stays, so that lighter ones can come nearer. One group and one channel stay in
 * each block.
 */
export function lowestOfAll(
  scores: readonly GroupsAndChannels[],
  sizes: readonly BlockSizes[],
  weights: number,
): GroupsAndChannels[] {
  const found = scores.map(() => ({ groups: [] as number[], channels: [] as number[] }));
  const all = scores.flatMap((own, block) =>
    (['groups', 'channels'] as const).flatMap((kind) => {
      const { groupWeights, channelWeights } = sizes[block]!;
      const each = kind === 'groups' ? groupWeights : channelWeights;
      const most = own[kind].length - 1;
      return own[kind].map((score, index) => ({
        score,
        index,
        each,
        most,
        gone: found[block]![kind],
      }));
    }),
  );
  all.sort((a, b) => a.score - b.score);
  const lightest = Math.min(...sizes.flatMap((s) => (s.channels > 0 ? s.channelWeights : [])));
  let left = weights;
  for (const { index, each, most, gone } of all) {
    // The last channel may be half too much.
    const slack = each === lightest ? each / 2 : 0;
    if (each > left + slack || gone.length >= most) continue;
    gone.push(index);
    left -= each;
  }
  return found.map(({ groups, channels }) => ({
    groups: groups.sort((a, b) => a - b),
    channels: channels.sort((a, b) => a - b),
  }));
}

/** Weights of what goes. */
export function weightsOf(
  removed: readonly GroupsAndChannels[],
  sizes: readonly BlockSizes[],
): number {
  return removed.reduce(
    (sum, { groups, channels }, block) =>
      sum +
      groups.length * sizes[block]!.groupWeights +
      channels.length * sizes[block]!.channelWeights,
    0,
  );
}
