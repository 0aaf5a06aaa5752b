// What the page says when other text samples might have chosen other blocks.

export const NOISE = {
  within: 'Within noise.',
  use: 'Use the study’s order',
  drawnAgain: 'drawn again at random',
} as const;

/** "The study prefers block 13 over block 9." */
export const prefersWords = (preferred: number, over: number): string =>
  `The study prefers block ${preferred} over block ${over}.`;

/** Why: what removing the one instead of the other changes, in nats. */
export const insteadWords = (
  one: number,
  other: number,
  change: string,
  [low, high]: readonly [string, string],
): string =>
  `Removing block ${one} instead of block ${other} changes NLL by ${change} nats ` +
  `(95 % interval: ${low} to ${high}).`;

const percent = (share: number) =>
  share < 0.005 ? 'fewer than 1 %' : `${Math.round(100 * share)} %`;

/**
 * Around `drawnAgain`: "When the study's 40 windows are", ", 23 % of the draws choose the same 3
 * blocks."
 */
export const resampleWords = (
  share: number,
  windows: string,
  count: number,
): readonly [before: string, after: string] => [
  `When the study’s ${windows} are`,
  `, ${percent(share)} of the draws choose the same ${count === 1 ? 'block' : `${count} blocks`}.`,
];
