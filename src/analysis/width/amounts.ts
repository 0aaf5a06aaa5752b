// How many groups and channels of each block go: by a share, as publications count, or by a number
// of weights.

import type { BlockCounts, BlockSizes } from './select.ts';

/**
 * Wanda-sp: the share of each count, rounded down. LLM-Pruner keeps the share of columns, rounded
 * down, and removes as many whole groups as fit into the rest.
 */
export type CountRule = 'removed-rounded-down' | 'kept-rounded-down';

/** @param ratio 0 <= ratio < 1 */
export function countsByRatio(
  sizes: readonly BlockSizes[],
  ratio: number,
  multiple: number,
  rule: CountRule,
): BlockCounts[] {
  return sizes.map(({ groups, groupColumns, channels }) => {
    const floor = rule === 'removed-rounded-down';
    const columns = groups * groupColumns;
    const whole = floor
      ? Math.floor(ratio * groups)
      : Math.floor((columns - Math.floor(columns * (1 - ratio))) / Math.max(1, groupColumns));
    const count = floor
      ? Math.floor(ratio * channels)
      : channels - Math.floor(channels * (1 - ratio));
    return { groups: whole, channels: inMultiples(channels, count, multiple) };
  });
}

/**
 * Whole groups by the share of the weights, rounded down; as many channels of each block as bring
 * the weights nearest to what is asked for, and where there are too few, more groups.
 */
export function countsByWeights(
  sizes: readonly BlockSizes[],
  weights: number,
  multiple: number,
): BlockCounts[] {
  const most = removable(sizes, multiple);
  const ratio = Math.min(1, weights / Math.max(1, allWeights(sizes)));
  const counts = sizes.map(({ groups }) => ({
    groups: Math.min(Math.max(0, groups - 1), Math.floor(ratio * groups)),
    channels: 0,
  }));
  const ofGroups = (): number =>
    sum(sizes, ({ groupWeights }, b) => counts[b]!.groups * groupWeights);
  const ofChannels = sum(sizes, (size, b) => most[b]!.channels * size.channelWeights);
  // One more of every block that has one left, as long as channels do not reach.
  while (ofGroups() + ofChannels < weights) {
    const step = counts.filter((count, b) => count.groups < most[b]!.groups);
    if (step.length === 0) break;
    const before = ofGroups();
    for (const count of step) count.groups += 1;
    const [under, over] = [weights - before - ofChannels, ofGroups() + ofChannels - weights];
    // Where channels cannot make up for what is too much, the nearer count stays.
    if (ofGroups() > weights && ofChannels === 0 && over > under) {
      for (const count of step) count.groups -= 1;
      break;
    }
  }
  const share =
    (weights - ofGroups()) /
    Math.max(
      1,
      sum(sizes, (s) => s.channels * s.channelWeights),
    );
  for (const [b, { channels }] of sizes.entries()) {
    const count = Math.max(0, Math.round(share * channels));
    counts[b]!.channels = inMultiples(channels, count, multiple);
  }
  return counts;
}

/**
 * Channels that go, so that what is left is a multiple: the nearest one, at least one. Nothing goes
 * where that leaves more than there are.
 */
export function inMultiples(channels: number, count: number, multiple: number): number {
  if (count <= 0 || channels === 0) return 0;
  const kept = Math.max(1, Math.round((channels - count) / multiple)) * multiple;
  return Math.max(0, channels - kept);
}

/** The most that can go: a group and a multiple of channels stay in each block. */
export function removable(sizes: readonly BlockSizes[], multiple: number): BlockCounts[] {
  return sizes.map(({ groups, channels }) => ({
    groups: Math.max(0, groups - 1),
    channels: Math.max(0, channels - multiple),
  }));
}

/** Of all groups and channels. */
export function allWeights(sizes: readonly BlockSizes[]): number {
  return sum(sizes, (s) => s.groups * s.groupWeights + s.channels * s.channelWeights);
}

function sum<T>(values: readonly T[], of: (value: T, at: number) => number): number {
  return values.reduce((total, value, at) => total + of(value, at), 0);
}
