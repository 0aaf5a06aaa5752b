// What the page says when a plan cannot be made, after steps that show nowhere else, and of keys
// that would do finished work once more.

import { blockOf, sublayerOf, type Unit } from '../units.ts';

/** Why a plan without any block left is refused. */
export const noBlockLeft = (numBlocks: number): string =>
  numBlocks === 1
    ? 'At least one block must stay, and the model has only one.'
    : `At least one block must stay: a plan cannot remove all ${numBlocks}.`;

/** Why a block that lends its cache stays while one that reads it is locked. */
export const heldBorrower = (block: number, held: number): string =>
  `Block ${block} can only be removed together with block ${held}, which is locked. Unlock that ` +
  'one first.';

/** What one click on a unit that lends its cache has removed. */
export const takenAlong = (unit: Unit, units: readonly Unit[]): string => {
  const others = units.filter((one) => one !== unit);
  const what = others.length === 1 ? 'block' : 'blocks';
  const list = others
    .map(blockOf)
    .join(', ')
    .replace(/, (\d+)$/, ' and $1');
  const read = `${what} ${list}, which read${others.length === 1 ? 's' : ''} its cache.`;
  return sublayerOf(unit) === null
    ? `Removed together: block ${blockOf(unit)} and ${read}`
    : `Removed together: the attention of block ${blockOf(unit)} and of ${read}`;
};

/** What one click on a unit that reads a cache has put back. */
export const broughtBack = (unit: Unit, lender: number): string =>
  sublayerOf(unit) === null
    ? `Put back together: block ${blockOf(unit)} and block ${lender}, whose cache it reads.`
    : `Put back together: the attention of block ${blockOf(unit)} and of block ${lender}, whose ` +
      'cache it reads.';

export const allKept = (numBlocks: number): string => `All ${numBlocks} blocks are kept.`;

export const UNDO = 'Undo';

/** "Undone: 16 of 16 kept." */
export const keptAfter = (what: string, kept: string): string => `${what}: ${kept} kept.`;

export const DONE = {
  undo: 'Undone',
  redo: 'Redone',
  lock: (block: number, locked: boolean) => `Block ${block} ${locked ? 'locked' : 'unlocked'}`,
  lockEnds: (locked: boolean) => `First 4 and last 2 blocks ${locked ? 'locked' : 'unlocked'}`,
};

/** By the id of the command: what is there already, and the button that does it again. */
export const againByKey = {
  score: {
    text: 'The blocks are scored. The current curve is kept until a new one is ready.',
    label: 'Score again',
  },
  'score-sublayers': {
    text: 'The sublayers are scored. Their scores are kept until new ones are ready.',
    label: 'Score again',
  },
  'compare-criteria': { text: 'The criteria are compared already.', label: 'Compare again' },
  stability: {
    text: 'The study has results. Its finished runs are kept.',
    label: 'Continue the study',
  },
  search: { text: 'The search is done. A new one replaces its path.', label: 'Search again' },
  evaluate: { text: 'This plan is evaluated already.', label: 'Evaluate again' },
  tasks: { text: 'These tasks are answered already.', label: 'Run again' },
} as const;
