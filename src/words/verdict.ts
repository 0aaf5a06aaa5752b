// What the page says of a plan's quality: the word, why, what the thresholds are, what to do next.

import { rise } from './goal.ts';

export type VerdictWord = 'usable' | 'healing' | 'broken';

/** Above `usable` a plan needs healing, above `broken` it is broken; ours, and adjustable. */
export interface Thresholds {
  /** Rise of perplexity as a share of the original's: 0.1 = +10 %. */
  usableRise: number;
  brokenRise: number;
  /** Mean KL divergence from the original, in nats per token. */
  usableKl: number;
  brokenKl: number;
}

/** Reasons: docs/numerics.md, "Verdicts". */
export const DEFAULT_THRESHOLDS: Thresholds = {
  usableRise: 0.1,
  brokenRise: 1,
  usableKl: 0.1,
  brokenKl: 1,
};

export const WORDS: Record<VerdictWord, string> = {
  usable: 'Usable',
  healing: 'Needs healing',
  broken: 'Broken',
};

const kl = (nats: number): string => `${Number(nats.toPrecision(2))} nats`;

export interface Evidence {
  rise: number;
  /** In nats per token; null where it was not measured. */
  kl: number | null;
  /** "10 windows", "evaluation.txt". */
  on: string;
  /** What decided: the perplexity, or the divergence where that is the worse. */
  by: 'rise' | 'kl';
}

/** "Perplexity +19 % on 10 windows. Our thresholds: usable up to +10 %, broken above +100 %." */
export function why({ rise: share, kl: nats, on, by }: Evidence, limits: Thresholds): string {
  const divergence = nats === null ? '' : `, KL divergence ${kl(nats)}`;
  const { usableRise, brokenRise, usableKl, brokenKl } = limits;
  const bounds =
    by === 'kl'
      ? `usable up to ${kl(usableKl)}, broken above ${kl(brokenKl)}`
      : `usable up to ${rise(usableRise)}, broken above ${rise(brokenRise)}`;
  const nearest =
    Math.abs(share - usableRise) < Math.abs(share - brokenRise) ? usableRise : brokenRise;
  return `Perplexity ${rise(share, nearest)}${divergence} on ${on}. Our thresholds: ${bounds}.`;
}

export const onWindows = (count: number): string => `${count} window${count === 1 ? '' : 's'}`;

/** So few windows say little; 10 is the paper's number. */
export const FEW_WINDOWS = 5;

export const VERDICT = {
  title: 'What it means',
  stale: 'of the previous plan',
  thin: 'So few windows say little: score on 10 × 128 before you rely on it.',
  evaluate: 'Evaluate it on another text',
  fewer: (k: number, share: number) => `Try fewer blocks: without ${k} it is ${rise(share)}`,
  fewerUnknown: 'Try fewer blocks.',
  heal: 'Heal it',
  quantise: 'Quantise it with more bits, or by another method',
  export: 'Export it',
  nextWords: 'Next:',
  better: (by: string, ppl: string, own: string) =>
    `${by.charAt(0).toUpperCase()}${by.slice(1)} removes as many blocks at a lower perplexity: ` +
    `${ppl} against ${own}.`,
  useBetter: 'Use those',
  explain: 'What do these words mean?',
  meaning: [
    { word: WORDS.usable, text: 'Most texts will read as before. Check your own task.' },
    {
      word: WORDS.healing,
      text:
        'The model still writes text, but worse text. Refitting or training what is left, in the ' +
        'Heal workspace, recovers part of the quality, often most of it.',
    },
    {
      word: WORDS.broken,
      text: 'Text falls apart. Remove fewer blocks, or expect long continued training.',
    },
  ],
  ours:
    'The thresholds are ours, not a standard: model and task decide what is good enough. Change ' +
    'them here. The worse of the two numbers decides; an evaluation also measures the',
  divergence: 'KL divergence',
  usableRise: 'Usable up to a perplexity of +',
  brokenRise: 'Broken above a perplexity of +',
  usableKl: 'Usable up to a KL divergence of',
  brokenKl: 'Broken above a KL divergence of',
  percent: '%',
  nats: 'nats',
  reset: 'Use our defaults',
} as const;
