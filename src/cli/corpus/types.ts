// What the corpus check reads of a golden file, and what it finds in a folder.

import type { Sublayer, Unit } from '../../units.ts';

/** The part of a golden file that is checked (tools/make_goldens.py). */
export interface CorpusGolden {
  windows: number[][];
  baseline: { nll: number } | null;
  blocks: { index: number; nll?: number; refused?: string }[] | null;
  /** Mean NLL without each sublayer; null where its removal is refused. */
  units?: Record<Sublayer, (number | null)[]>;
  pruned: {
    removed: Unit[];
    refused?: string;
    config: Record<string, unknown>;
    promptIds: number[];
    top8?: [number, number][];
    /**
     * In place of `top8` where the graph gives hidden states: the first eight values of the last
     * row.
     */
    lastHiddenFirst8?: number[];
    greedy?: number[];
    greedyMargins?: number[];
  }[];
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
