// What the Result column and its strip on narrow screens say.

import { aboutSeconds } from './duration.ts';

export const RESULT = {
  title: 'Result',
  perplexity: 'perplexity',
  size: 'size',
  parameters: 'parameters',
  kvCache: 'KV cache / token',
  change: 'change',
  worse: 'worse',
  better: 'better',
  scoreFirst: 'Score the blocks to see perplexity.',
  noPerplexity: 'The perplexity of this graph cannot be measured here.',
  notMeasured: 'Not measured for this plan.',
  measure: 'Measure',
  measuring: 'Measuring this plan.',
  measuringLabel: 'Measuring the plan',
  older: 'The number shown is of the previous plan.',
  copyLink: 'Copy link',
  report: 'Report',
  showResult: 'Show the result',
} as const;

export const sizesAre = (dtype: string | null): string =>
  `Sizes are those of the export${dtype === null ? '' : ` in ${dtype}`}.`;

export const measuredOnWords = (on: string): string => `Perplexity measured on ${on}.`;

/** Asks before a measurement that does not start by itself. */
export const takesLong = (seconds: { low: number; high: number }): string =>
  `Measuring this plan takes ${aboutSeconds(seconds)}.`;

export const measuredAfter = (job: string): string => `This plan will be measured after ${job}.`;
