// What the page says when a plan cannot be made, and after steps that show nowhere else.

/** Why a plan without any block left is refused. */
export const noBlockLeft = (numBlocks: number): string =>
  numBlocks === 1
    ? 'At least one block must stay, and the model has only one.'
    : `At least one block must stay: a plan cannot remove all ${numBlocks}.`;

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
