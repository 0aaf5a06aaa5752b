// What the README of an export says of a width plan.

import type { WidthMethod, WidthPlan } from './types.ts';

export const WIDTH_METHODS: Readonly<Record<WidthMethod, string>> = {
  'wanda-sp': 'Wanda-sp',
  flap: 'FLAP',
  'llm-pruner': 'LLM-Pruner',
};

/** "3 channels", "1 key-value group" */
const counted = (count: number, what: string): string =>
  `${count} ${what}${count === 1 ? '' : 's'}`;

/** The same for all blocks, or the least and the most. */
function spread(counts: readonly number[], what: string): string {
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return least === most ? counted(most, what) : `${least} to ${counted(most, what)}`;
}

/** One or two sentences: what every block lost, and by which scores. */
export function widthInWords({ method, blocks }: WidthPlan): string {
  const groups = blocks.map((block) => block.groups.length);
  const channels = blocks.map((block) => block.channels.length);
  const compensated = blocks.some((block) => block.attentionBias ?? block.feedForwardBias);
  return (
    `Each block lost ${spread(groups, 'key-value group')} of its attention and ` +
    `${spread(channels, 'channel')} of its feed-forward, those that ${WIDTH_METHODS[method]} ` +
    'scores lowest; their rows and columns are left out of the matrices.' +
    (compensated ? ' The mean of what is gone is added behind the output projections.' : '')
  );
}

/** The section of the README. */
export function widthSection({ method, ratio, multiple, blocks }: WidthPlan): string {
  return [
    '## Width',
    '',
    `* method: ${WIDTH_METHODS[method]}, ratio ${Number(ratio.toPrecision(4))}` +
      `${multiple > 1 ? `, channels in multiples of ${multiple}` : ''}`,
    '',
    '| block | key-value groups gone | channels gone |',
    '|---|---|---|',
    ...blocks.map(
      ({ groups, channels }, block) => `| ${block} | ${groups.length} | ${channels.length} |`,
    ),
    '',
    '`espalier.json` (`steps`) has their numbers.',
  ].join('\n');
}
