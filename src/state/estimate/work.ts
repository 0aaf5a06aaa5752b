// What each long action runs, counted in tokens through one block and through the head. Pure
// numbers; the schedules themselves are in runtime/.

import { blockOf, blocksLeft, type Unit } from '../../units.ts';

export interface Work {
  /** Tokens through one block, summed over block runs. */
  blocks: number;
  /** Tokens through the head. */
  heads: number;
}

const NONE: Work = { blocks: 0, heads: 0 };

const sumOf = (all: readonly Work[]): Work =>
  all.reduce(
    (sum, one) => ({ blocks: sum.blocks + one.blocks, heads: sum.heads + one.heads }),
    NONE,
  );

/** Leaving out each of n blocks on shared prefixes: n(n+1)/2 block runs and n + 1 heads. */
export const curveWork = (n: number, tokens: number): Work => ({
  blocks: ((n * (n + 1)) / 2) * tokens,
  heads: (n + 1) * tokens,
});

/** Leaving out each sublayer of n blocks: its sibling and all blocks behind it run. */
export const sublayersWork = (n: number, tokens: number): Work => ({
  blocks: (n * n + n) * tokens,
  heads: (2 * n + 1) * tokens,
});

/** `steps` curves, each over one block fewer; from `left` blocks on. */
export const searchWork = (left: number, steps: number, tokens: number): Work =>
  sumOf(Array.from({ length: steps }, (_, step) => curveWork(left - step, tokens)));

/** One plan from the first removed unit on, where the states of the original are held. */
export function planWork(n: number, removed: readonly Unit[], tokens: number): Work {
  const first = Math.min(n, ...removed.map(blockOf));
  return { blocks: (blocksLeft(n, removed) - first) * tokens, heads: tokens };
}

/** One plan from the embedding on. */
export const wholePlanWork = (n: number, removed: readonly Unit[], tokens: number): Work => ({
  blocks: blocksLeft(n, removed) * tokens,
  heads: tokens,
});

/** Original and, where units are removed, pruned on a text; they are compared token by token. */
export function evaluationWork(n: number, removed: readonly Unit[], tokens: number): Work {
  const original: Work = { blocks: n * tokens, heads: tokens };
  if (removed.length === 0) return original;
  const { blocks } = planWork(n, removed, tokens);
  return sumOf([original, { blocks, heads: tokens }]);
}

/**
 * Variants that answer tasks: tokens through the blocks, and those that are predicted through the
 * head.
 */
export const tasksWork = (
  n: number,
  variants: readonly (readonly Unit[])[],
  tokens: { run: number; predicted: number },
): Work =>
  sumOf(
    variants.map((removed) => ({
      blocks: blocksLeft(n, removed) * tokens.run,
      heads: tokens.predicted,
    })),
  );

/** One pass of the original, without the head. */
export const passWork = (n: number, tokens: number): Work => ({ blocks: n * tokens, heads: 0 });

/** Forward and backward through the original; backward runs cost about four forward ones. */
export const backwardWork = (n: number, tokens: number): Work => ({
  blocks: 5 * n * tokens,
  heads: 4 * tokens,
});
