// What the corpus check reads of a golden file, and what it finds in a folder.

import type { Sublayer, Unit } from '../../units.ts';

/** An export without some blocks, as the golden has it. */
export interface PrunedGolden {
  removed: Unit[];
  refused?: string;
  config: Record<string, unknown>;
  /** Mean over the windows; absent in the goldens of the first corpus. */
  nll?: number;
  promptIds: number[];
  top8?: [number, number][];
  /**
   * In place of `top8` where the graph gives hidden states: the first eight values of the last
   * row.
   */
  lastHiddenFirst8?: number[];
  greedy?: number[];
  greedyMargins?: number[];
  /** The ids with caches, where activations that are quantised at run time make them others. */
  greedyDisagreement?: number[];
}

/** The part of a golden file that is checked (tools/make_goldens.py). */
export interface CorpusGolden {
  windows: number[][];
  baseline: { nll: number } | null;
  blocks: { index: number; nll?: number; refused?: string }[] | null;
  /** Mean NLL without each sublayer; null where its removal is refused. */
  units?: Partial<Record<Sublayer, (number | null)[]>>;
  pruned: PrunedGolden[];
  /** "config.json", "config.json text_config", "genai_config.json model.decoder". */
  configFile: string;
  nllTol: number;
  logitTol: number;
}

/** What one folder gave. Differences are null where nothing could be compared. */
export interface Findings {
  maxNllDiff: number | null;
  /** The same without single sublayers. */
  maxUnitDiff: number | null;
  maxLogitDiff: number | null;
  greedyEqual: boolean | null;
  /** Pruned exports that were compared with a golden. */
  prunedChecked: number;
  /** Exports without one sublayer that passed verification. */
  partsVerified: number;
  /** Misses; empty when the folder is as expected. */
  misses: string[];
  /** What could not be compared, and why; not a miss. */
  notes: string[];
}

export function noFindings(): Findings {
  return {
    maxNllDiff: null,
    maxUnitDiff: null,
    maxLogitDiff: null,
    greedyEqual: null,
    prunedChecked: 0,
    partsVerified: 0,
    misses: [],
    notes: [],
  };
}

/** Widens the largest difference of an NLL, and says so where it is beyond `most`. */
export function compareNll(found: Findings, what: string, difference: number, most: number): void {
  found.maxNllDiff = Math.max(found.maxNllDiff ?? 0, difference);
  if (!(difference <= most))
    found.misses.push(`${what} differs by ${difference.toExponential(1)} (at most ${most})`);
}

/**
 * float32 tolerances of the project; other types take the golden's own, which is twice the spread
 * of independent CPU computations.
 */
const NLL_TOLERANCE = 1e-4;
const LOGIT_TOLERANCE = 1e-3;

export const nllTolerance = (dtype: string, { nllTol }: Pick<CorpusGolden, 'nllTol'>): number =>
  dtype === 'fp32' ? NLL_TOLERANCE : Math.max(NLL_TOLERANCE, nllTol);

export const logitTolerance = (
  dtype: string,
  { logitTol }: Pick<CorpusGolden, 'logitTol'>,
): number => (dtype === 'fp32' ? LOGIT_TOLERANCE : Math.max(LOGIT_TOLERANCE, logitTol));
